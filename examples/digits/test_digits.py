#!/usr/bin/env python3
"""Tests of the digits example, on the real images: `python3 examples/digits/test_digits.py` from anywhere.

The last test plays scheduler and people: it runs the programs in the order of job.yaml, each in a directory of its own.
"""

import gzip
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = HERE / "python"
if importlib.util.find_spec("numpy") is None and "DIGITS_TEST_AGAIN" not in os.environ:
    os.environ["DIGITS_TEST_AGAIN"] = "1"
    os.execv(PYTHON, [str(PYTHON), __file__, *sys.argv[1:]])

import numpy as np

sys.path.insert(0, str(HERE))
import choose
import fetch_data
import models
import oracle
import rank
import score
import settings
import split
import summarise
import workspace

DATA = HERE.parent.parent / "build/demo/data/digits.csv.gz"


def setUpModule():
    status = subprocess.run([sys.executable, HERE / "fetch_data.py", DATA]).returncode
    if status == fetch_data.UNAVAILABLE:
        raise unittest.SkipTest("the images could not be downloaded")
    if status:
        raise RuntimeError(f"fetch_data.py: exit status {status}")


class Data(unittest.TestCase):
    def test_the_file_is_the_published_one(self):
        self.assertTrue(fetch_data.is_known(DATA.read_bytes()))
        self.assertFalse(fetch_data.is_known(DATA.read_bytes() + b"\0"))
        labels = [row[split.PIXELS] for row in split.read_rows(DATA)]
        self.assertEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], np.bincount(labels).tolist())

    def test_a_table_of_another_shape_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "short.csv.gz"
            path.write_bytes(gzip.compress(b"1,2,3\n4,5,6\n"))
            with self.assertRaisesRegex(SystemExit, "2 x 3 numbers, expected 1797 x 65"):
                split.read_rows(path)

    def test_parts_do_not_overlap_and_show_no_label_but_their_own(self):
        parts = split.numbers()
        self.assertEqual([100, 50, 1147, 500], [len(part) for part in parts.values()])
        self.assertEqual(list(range(split.IMAGES)), sorted(number for part in parts.values() for number in part))
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            split.write_parts(split.read_rows(DATA), folder)
            self.assertEqual(set(parts["fit"] + parts["validation"]), set(workspace.read_pairs(folder / "labelled.csv")))
            self.assertEqual(set(parts["test"]), set(workspace.read_pairs(folder / "test-labels.csv")))
            words = workspace.read_pairs(folder / "images.csv")
            self.assertEqual({2 * split.PIXELS}, {len(word) for word in words.values()})
            self.assertEqual(split.IMAGES, len(set(words.values())), "the oracle knows an image by its pixels")


class Shifts(unittest.TestCase):
    def test_an_image_moves_and_blank_comes_in(self):
        image = np.arange(1, 65, dtype=float).reshape(1, 64)
        down = models.shifted(image, 1, 0).reshape(8, 8)
        self.assertEqual([0] * 8, down[0].tolist())
        self.assertEqual(list(range(1, 9)), down[1].tolist())
        left = models.shifted(image, 0, -1).reshape(8, 8)
        self.assertEqual(2, left[0, 0])
        self.assertEqual([0] * 8, left[:, 7].tolist())

    def test_copies_keep_their_labels(self):
        images, labels = models.with_shifts(np.eye(64)[:6], np.arange(6))
        self.assertEqual((30, 64), images.shape)
        self.assertEqual(list(range(6)) * 5, labels.tolist())


class Learning(unittest.TestCase):
    def test_backpropagation_agrees_with_finite_differences(self):
        generator = np.random.default_rng(5)
        network = models.Network(generator, hidden=(7, 6), decay=0.01)
        images, labels = generator.random((12, 64)), generator.integers(0, 10, 12)
        _, gradients = network.gradients(images, labels)
        for parameter, gradient in zip(network.weights + network.biases, gradients):
            for place in generator.integers(0, parameter.size, 5):
                kept, nudge = parameter.flat[place], 1e-5
                parameter.flat[place] = kept + nudge
                above, _ = network.gradients(images, labels)
                parameter.flat[place] = kept - nudge
                below, _ = network.gradients(images, labels)
                parameter.flat[place] = kept
                self.assertAlmostEqual((above - below) / (2 * nudge), gradient.flat[place], places=6)

    def test_conjugate_gradients_solve_the_ridge_system(self):
        generator = np.random.default_rng(6)
        images, labels = generator.random((40, 64)), generator.integers(0, 10, 40)
        ridge = models.KernelRidge(generator, gamma=0.1, ridge=0.1, rounds=200, shifts=False)
        ridge.fit(images, labels, lambda *arguments: None)
        exact = np.linalg.solve(ridge.kernel(images) + 0.1 * np.eye(40), models.one_hot(labels))
        np.testing.assert_allclose(ridge.weights, exact, atol=1e-8)

    def test_every_setting_learns_alike_twice_and_survives_its_file(self):
        rows = np.array(split.read_rows(DATA)[:30])
        images, labels = rows[:, : split.PIXELS] / workspace.DARKEST, rows[:, split.PIXELS]
        for index, setting in enumerate(settings.SETTINGS):
            with self.subTest(setting["name"]), tempfile.TemporaryDirectory() as folder:
                fractions = []
                first, second = (self.quick(index) for _ in range(2))
                first.fit(images, labels, lambda fraction, number, loss: fractions.append(fraction))
                second.fit(images, labels, lambda *arguments: None)
                np.testing.assert_array_equal(first.scores(images), second.scores(images))
                self.assertEqual(sorted(fractions), fractions)
                self.assertAlmostEqual(1, fractions[-1])

                path = pathlib.Path(folder) / "model.npz"
                workspace.write_arrays(path, **first.arrays())
                loaded = self.quick(index)
                loaded.load(workspace.read_arrays(path))
                np.testing.assert_array_equal(first.scores(images), loaded.scores(images))

    def quick(self, index):
        model = settings.make_model(index)
        for network in getattr(model, "members", [model]):
            if hasattr(network, "epochs"):
                network.epochs = 2
        return model

    def test_an_mlp_of_at_least_64_hidden_units_is_among_six_or_more(self):
        self.assertGreaterEqual(len(settings.SETTINGS), 6)
        self.assertTrue(any(sum(setting["options"].get("hidden", ())) >= 64 for setting in settings.SETTINGS))


class Judging(unittest.TestCase):
    def test_accuracy_decides_and_loss_breaks_ties(self):
        labels = np.array([0, 1])
        sure = models.softmax(4.0 * models.one_hot(labels))
        unsure = models.softmax(1.0 * models.one_hot(labels))
        wrong = models.softmax(4.0 * models.one_hot(1 - labels))
        self.assertEqual([2, 1, 0], [row["index"] for row in choose.compare([wrong, unsure, sure], labels)])

    def test_confusion_has_the_truth_in_rows(self):
        table = score.confusion(np.array([3, 3, 8]), np.array([3, 5, 8]))
        self.assertEqual(1, table[3, 5])
        self.assertEqual(0, table[5, 3])
        self.assertEqual(3, table.sum())


class Uncertainty(unittest.TestCase):
    def test_the_smallest_margin_between_the_two_likeliest_comes_first(self):
        rows = [
            {"image": 1, "probabilities": [0.9, 0.05, 0.05]},
            {"image": 2, "probabilities": [0.4, 0.3, 0.3]},
            {"image": 3, "probabilities": [0.5, 0.49, 0.01]},
        ]
        self.assertEqual([3, 2], [row["image"] for row in rank.least_certain(rows, 2)])


class People:
    """The scheduler's side of the work routes."""

    def __init__(self, items):
        forms = [{"pixels": item["pixels"], "choice": list("0123456789") + ["skip"]} for item in items]
        self.claims = [
            {"task": f"7.label.{index}", "attempt": 1, "item": item, "form": forms[index]} for index, item in enumerate(items)
        ]
        self.results = {}

    def post(self, path, body):
        if path == "/v1/work/claim":
            taken, self.claims = self.claims[: body["limit"]], self.claims[body["limit"] :]
            return {"items": taken}
        self.results[path.split("/")[3]] = body["result"]
        return {}


class Oracle(unittest.TestCase):
    def test_it_names_what_it_sees_and_skips_what_it_does_not_know(self):
        people = People([{"pixels": "00"}, {"pixels": "ff"}])
        self.assertEqual(2, oracle.answer_some(people, {"00": "4"}, None))
        self.assertEqual({"7.label.0": {"choice": "4"}, "7.label.1": {"choice": "skip"}}, people.results)
        self.assertEqual(0, oracle.answer_some(people, {"00": "4"}, None))


class Summary(unittest.TestCase):
    def test_roots_are_what_the_tasks_saw(self):
        class Scheduler:
            def items(self, path):
                if "/results" in path:
                    return [{"task": "7.a", "result": {"directory": "/x/1/attempts/7.0.0@1/work", "inputs": "/y/attempts/7.0.0@1/inputs"}}]
                return [{"id": "7.a", "agent": "one"}, {"id": "7.b", "agent": "two"}]

        self.assertEqual({"one": ["/x/1", "/y"]}, summarise.find_roots(Scheduler(), 7, ["a"]))

    def test_a_curve_falls_from_the_highest_bar_to_the_lowest(self):
        self.assertEqual("█▁▁", summarise.curve([2.0, 1.0, 1.0]))
        self.assertEqual("▁", summarise.curve([1.0]))


class WholeJob(unittest.TestCase):
    """Everything from the files that each task is given, and nothing from a path it shares with another."""

    def test_the_loop_learns_from_150_labels_and_from_300_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            self.folder = pathlib.Path(folder)
            self.data = self.folder / "data"
            self.data.mkdir()
            split.write_parts(split.read_rows(DATA), self.data)
            self.run_task("prepare", given=["images.csv", "labelled.csv"])
            for index in range(len(settings.SETTINGS)):
                self.run_task("train", "train", ["prepare"], index)
            self.run_task("choose", "choose", ["prepare", "train"])
            self.run_task("first", "learn", ["prepare", "choose"])
            self.infer_batches()
            self.run_task("rank", "rank", ["infer"])
            self.label()
            self.run_task("again", "learn", ["prepare", "choose", "label"])
            needs = ["prepare", "choose", "first", "again"]
            with self.assertRaises(subprocess.CalledProcessError):
                self.run_task("score", "score", needs)  # without the labels it is given
            self.run_task("score", "score", needs, given=["test-labels.csv"])
            self.check_score()
            self.check_reports()

    def run_task(self, task, program=None, needs=(), index=None, given=(), item=""):
        """As the staged driver does: a directory with the inputs, one with what the needs left, one for outputs."""
        home = self.folder / "attempts" / f"{task}.{index}"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(HERE, home / "work/examples/digits", ignore=shutil.ignore_patterns("__pycache__"))
        (home / "work/build/demo/data").mkdir(parents=True)
        for name in given:
            shutil.copy(self.data / name, home / "work/build/demo/data")
        for need in needs:
            shutil.copytree(self.folder / "left" / need, home / "inputs" / need)
        outputs = self.folder / "left" / task / ("" if index is None else str(index))
        outputs.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DIGITS_", "STINT_"))} | {
            "STINT_INDEX": str(index or 0),
            "STINT_ITEM": str(item),
            "STINT_INPUTS": str(home / "inputs"),
            "STINT_OUTPUTS": str(outputs),
            "STINT_REPORT": str(self.folder / f"{task}.{index}.jsonl"),
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = ["examples/digits/python", f"examples/digits/{program or task}.py"]
        subprocess.run(command, cwd=home / "work", env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def infer_batches(self):
        lines = (self.folder / "left/prepare/pool.jsonl").read_text().splitlines(keepends=True)
        collected = ""
        for index, start in enumerate(range(0, len(lines), 200)):
            batch = self.folder / f"batch-{index}"
            batch.write_text("".join(lines[start : start + 200]))
            self.run_task("infer", "infer", ["first"], index, item=batch)
            collected += (self.folder / f"left/infer/{index}/predictions.jsonl").read_text()
        (self.folder / "left/infer/predictions.jsonl").write_text(collected)

    def label(self):
        items = workspace.read_lines(self.folder / "left/rank/uncertain.jsonl")
        self.assertEqual(300, len({item["image"] for item in items}))
        self.assertLessEqual({item["image"] for item in items}, set(split.numbers()["pool"]))
        people = People(items)
        while oracle.answer_some(people, oracle.read_digits(DATA), 7):
            pass
        self.assertNotIn({"choice": "skip"}, people.results.values())
        rows = [{"index": index, "item": item, "result": people.results[f"7.label.{index}"]} for index, item in enumerate(items)]
        (self.folder / "left/label").mkdir()
        workspace.write_lines(self.folder / "left/label/results.jsonl", rows)

    def check_score(self):
        result = workspace.read_json(self.folder / "left/score/score.json")
        table = np.array(result["confusion"])
        self.assertEqual((10, 10), table.shape)
        self.assertEqual(500, table.sum())
        self.assertAlmostEqual(np.trace(table) / 500, result["accuracy_after"])
        self.assertGreaterEqual(result["accuracy_after"], 0.97)
        self.assertGreater(result["accuracy_after"], result["accuracy_before"])

    def check_reports(self):
        for index in range(len(settings.SETTINGS)):
            lines = workspace.read_lines(self.folder / f"train.{index}.jsonl")
            steps = lines[:-1]
            self.assertGreater(len(steps), 20)
            self.assertEqual({"loss", "accuracy"}, set(steps[0]["metrics"]))
            self.assertEqual(1, steps[-1]["progress"])
            progress = [line["progress"] for line in steps]
            self.assertEqual(sorted(progress), progress)
            self.assertTrue(lines[-1]["result"]["directory"].endswith(f"train.{index}/work"))


if __name__ == "__main__":
    unittest.main()

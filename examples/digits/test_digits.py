#!/usr/bin/env python3
"""Tests of the digits example, on the real images: `python3 examples/digits/test_digits.py` from anywhere.

The last test plays scheduler: it runs the programs in the order of job.yaml, two trainers at a time.
"""

import concurrent.futures
import gzip
import importlib.util
import json
import os
import pathlib
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
import fetch_data
import models
import prepare
import rate
import score
import settings
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
        images, labels = prepare.load(DATA)
        self.assertEqual((1797, 64), images.shape)
        self.assertEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], np.bincount(labels).tolist())

    def test_a_table_of_another_shape_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "short.csv.gz"
            path.write_bytes(gzip.compress(b"1,2,3\n4,5,6\n"))
            with self.assertRaisesRegex(SystemExit, "2 x 3 numbers, expected 1797 x 65"):
                prepare.load(path)


class Shifts(unittest.TestCase):
    def test_an_image_moves_and_blank_comes_in(self):
        image = np.arange(1, 65, dtype=float).reshape(1, 64)
        down = models.shifted(image, 1, 0).reshape(8, 8)
        self.assertEqual([0] * 8, down[0].tolist())
        self.assertEqual(list(range(1, 9)), down[1].tolist())
        left = models.shifted(image, 0, -1).reshape(8, 8)
        self.assertEqual(2, left[0, 0])
        self.assertEqual([0] * 8, left[:, 7].tolist())

    def test_nine_copies_keep_their_labels(self):
        images, labels = models.with_shifts(np.eye(64)[:5], np.arange(5))
        self.assertEqual((45, 64), images.shape)
        self.assertEqual(list(range(5)) * 9, labels.tolist())


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
        ridge = models.KernelRidge(generator, gamma=0.1, ridge=0.1, shifts=False)
        ridge.fit(images, labels, lambda *arguments: None)
        exact = np.linalg.solve(ridge.kernel(images) + 0.1 * np.eye(40), models.one_hot(labels))
        np.testing.assert_allclose(ridge.weights, exact, atol=1e-8)

    def test_every_setting_learns_alike_twice_and_survives_its_file(self):
        images, labels = prepare.load(DATA)
        images, labels = images[:30], labels[:30]
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
        self.assertEqual([2, 1, 0], [row["index"] for row in rate.rate([wrong, unsure, sure], labels)])

    def test_confusion_has_the_truth_in_rows(self):
        table = score.confusion(np.array([3, 3, 8]), np.array([3, 5, 8]))
        self.assertEqual(1, table[3, 5])
        self.assertEqual(0, table[5, 3])
        self.assertEqual(3, table.sum())


class Files(unittest.TestCase):
    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "best.json"
            workspace.write_json(path, {"old": 1})

            def fail(file):
                file.write(b"half")
                raise RuntimeError("disk")

            with self.assertRaises(RuntimeError):
                workspace.write_whole(path, fail)
            self.assertEqual({"old": 1}, workspace.read_json(path))
            self.assertEqual([path], list(path.parent.iterdir()))


class WholeJob(unittest.TestCase):
    def test_150_labels_read_the_test_images_and_only_score_needs_their_labels(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            self.run_task(folder, "prepare")
            files = folder / "job-7"
            hidden = (files / "test-labels.npz").rename(folder / "hidden.npz")
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda index: self.run_task(folder, "train", index), range(len(settings.SETTINGS))))
            self.run_task(folder, "rate")
            self.run_task(folder, "final")
            with self.assertRaises(subprocess.CalledProcessError):
                self.run_task(folder, "score")
            hidden.rename(files / "test-labels.npz")
            printed = self.run_task(folder, "score")

            result = workspace.read_json(files / "score.json")
            table = np.array(result["confusion"])
            self.assertEqual((10, 10), table.shape)
            self.assertEqual(500, table.sum())
            self.assertAlmostEqual(np.trace(table) / 500, result["test_accuracy"])
            self.assertGreaterEqual(result["test_accuracy"], 0.9)
            self.assertIn(f"test accuracy {result['test_accuracy']:.3f} on 500 images", printed)
            self.check_summary(folder, result)
            self.check_split(files)
            self.check_reports(folder)

    def run_task(self, folder, task, index=0):
        environment = os.environ | {
            "DIGITS_DATA": str(DATA),
            "DIGITS_DIR": str(folder),
            "STINT_JOB_ID": "7",
            "STINT_INDEX": str(index),
            "STINT_REPORT": str(folder / f"{task}.{index}.jsonl"),
            "OPENBLAS_NUM_THREADS": "1",
        }
        program = [PYTHON, HERE / f"{task}.py"]
        done = subprocess.run(program, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout

    def check_summary(self, folder, result):
        agents = folder / "agents.json"
        agents.write_text('{"items":[{"name":"a"},{"name":"b"}],"next":null}')
        summarise = [sys.executable, HERE / "summarise.py", "--work", folder, "--agents", agents]
        summarise += ["--seconds", "9", "--report", folder / "report.json"]
        printed = subprocess.run(summarise, check=True, stdout=subprocess.PIPE, text=True).stdout
        report = workspace.read_json(folder / "report.json")
        self.assertEqual((7, 2, 9), (report["job"], report["agents"], report["seconds"]))
        self.assertEqual(result["confusion"], report["confusion"])
        self.assertTrue(all(pathlib.Path(path).stat().st_size > 0 for path in report["outputs"]))
        self.assertIn("is \\ read", printed)

    def check_split(self, files):
        """Every image lies in exactly one part (some of the 1,797 could be equal: none is), the sizes are the promised ones."""
        parts = {name: workspace.read_arrays(files / f"{name}.npz") for name in ("fit", "validation", "pool", "test")}
        self.assertEqual([100, 50, 1147, 500], [len(part["images"]) for part in parts.values()])
        self.assertNotIn("labels", parts["pool"])
        self.assertNotIn("labels", parts["test"])
        self.assertEqual(1797, len({row.tobytes() for part in parts.values() for row in part["images"]}))

    def check_reports(self, folder):
        for index in range(len(settings.SETTINGS)):
            lines = [json.loads(line) for line in (folder / f"train.{index}.jsonl").read_text().splitlines()]
            self.assertGreater(len(lines), 20)
            self.assertEqual({"loss", "accuracy"}, set(lines[0]["metrics"]))
            self.assertEqual(1, lines[-1]["progress"])
            progress = [line["progress"] for line in lines]
            self.assertEqual(sorted(progress), progress)


if __name__ == "__main__":
    unittest.main()

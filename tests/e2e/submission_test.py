#!/usr/bin/env python3
"""What `stint run FILE` sends: the files and items that a job names are the scheduler's before the job is."""

import hashlib
import json
import subprocess

import e2e

HELD = "resources: {cpu: 1000}\n"  # no agent has as many: the job is looked at, not run


class Submission(e2e.CellCase):
    def spec_of(self, yaml, *options):
        """The only task of the job as the scheduler has it."""
        self.product.write("job.yaml", yaml + HELD)
        job = self.run_detached("job.yaml", *options)
        return self.api.get(f"/v1/jobs/{job}/spec")["tasks"][0]

    def blob(self, name):
        answer = self.request("GET", f"/v1/blobs/{name}")
        self.assertEqual(200, answer.status, answer.body[:200])
        self.assertEqual(name, hashlib.sha256(answer.body).hexdigest())
        return answer.body

    def manifest(self, name):
        """{path: (mode, bytes)}"""
        lines = [line.split(" ", 3) for line in self.blob(name).decode().splitlines()]
        files = {path: (mode, self.blob(blob)) for blob, _, mode, path in lines}
        self.assertEqual(sorted(files), list(files), "sorted by path")
        return files

    def write(self, path, text):
        (self.cwd / path).parent.mkdir(parents=True, exist_ok=True)
        return self.product.write(path, text)

    def test_inputs_are_there(self):
        self.write("train.py", "print(1)\n")
        self.write("data/a/x.csv", "1,2\n")
        self.write("data/.stintignore", "*.tmp\n")
        self.write("data/y.tmp", "not wanted\n")
        (self.cwd / "train.py").chmod(0o755)
        task = self.spec_of("run: ./train.py\ninputs: [train.py, data/]\n")
        self.assertEqual(("", True), (task["workdir"], task["own_directory"]))
        self.assertNotIn("submit", task)
        files = self.manifest(task["inputs"])
        self.assertEqual(("755", b"print(1)\n"), files["train.py"])
        self.assertEqual(("644", b"1,2\n"), files["data/a/x.csv"])
        self.assertNotIn("data/y.tmp", files)

    def test_a_folder_is_uploaded(self):
        self.write("whole/run.sh", "echo hello\n")
        task = self.spec_of("run: sh run.sh\n", "--upload", "whole")
        self.assertEqual({"run.sh": ("644", b"echo hello\n")}, self.manifest(task["inputs"]))

    def test_items_of_a_list(self):
        task = self.spec_of('each: [one, {url: two, n: 3}]\ncommand: [echo, "${{ item }}"]\n')
        self.assertEqual((2, "lines"), (task["each"]["count"], task["each"]["kind"]))
        lines = self.blob(task["each"]["items"]).decode().splitlines()
        self.assertEqual(["one", {"url": "two", "n": 3}], [lines[0], json.loads(lines[1])])

    def test_items_of_a_pattern_are_files_where_there_are_inputs(self):
        for number in range(3):
            self.write(f"images/deep/{number}.jpg", f"image {number}")
        self.write("infer.py", "")
        task = self.spec_of('each: {glob: "images/**/*.jpg", batch: 2}\ninputs: infer.py\nrun: x\n')
        self.assertEqual((3, "files", 2), (task["each"]["count"], task["each"]["kind"], task["each"]["batch"]))
        files = self.manifest(task["each"]["items"])
        self.assertEqual({f"images/deep/{number}.jpg": ("644", f"image {number}".encode()) for number in range(3)}, files)
        task = self.spec_of('each: {glob: "images/**/*.jpg"}\nrun: x\n')
        self.assertEqual("lines", task["each"]["kind"])
        self.assertEqual("images/deep/0.jpg\nimages/deep/1.jpg\nimages/deep/2.jpg\n", self.blob(task["each"]["items"]).decode())

    def test_parameters(self):
        yaml = "parameters: {lr: 0.1, seed: }\nmatrix: {n: [1, 2]}\nrun: train ${{ params.lr }} ${{ params.seed }} ${{ matrix.n }}\n"
        task = self.spec_of(yaml, "-p", "seed=7", "-p", "lr=1e-3")
        self.assertEqual("train 1e-3 7 ${{ matrix.n }}", task["command"][2])
        done = self.product.command("run", "-d", "job.yaml")
        self.assertEqual(2, done.returncode)
        self.assertIn('job.yaml:1:23: parameter "seed" has no default; give it with -p seed=VALUE', done.stderr)

    def test_nothing_is_submitted_if_a_file_is_not_there(self):
        before = self.api.get("/v1/jobs?limit=1000")["items"]
        self.product.write("job.yaml", "run: x\ninputs:\n  - nothing.py\n")
        for command in (("run", "-d"), ("plan",)):
            done = self.product.command(*command, "job.yaml")
            self.assertEqual(2, done.returncode, "the mistake is in the file")
            self.assertIn("job.yaml:3:5: inputs: nothing.py: no such file", done.stderr)
        away = self.product.command("plan", "job.yaml", "--server", f"http://127.0.0.1:{e2e.free_port()}")
        self.assertEqual(2, away.returncode, "nobody had to be asked")
        self.assertEqual(len(before), len(self.api.get("/v1/jobs?limit=1000")["items"]))

    def test_what_an_earlier_job_did_not_leave_is_a_mistake_in_the_file(self):
        self.product.write("job.yaml", "run: x\ninputs:\n  - {from_job: nobody, task: main, path: x}\n")
        done = self.product.command("run", "-d", "job.yaml")
        self.assertEqual(2, done.returncode)
        self.assertIn("job.yaml:3:5: inputs: from_job: no completed job is named", done.stderr)
        away = self.product.command("plan", "job.yaml", "--server", f"http://127.0.0.1:{e2e.free_port()}")
        self.assertEqual(125, away.returncode, away.stderr)

    def test_a_job_file_may_come_from_stdin(self):
        (self.cwd / "piped.yaml").write_text("run: echo piped\n")
        with open(self.cwd / "piped.yaml") as text:
            done = subprocess.run(
                [self.product.stint, "run", "-"], stdin=text, capture_output=True, cwd=self.cwd, env=self.product.environment, timeout=60
            )
        self.assertEqual((0, b"piped\n"), (done.returncode, done.stdout), done.stderr)

    def test_what_is_not_here_is_said(self):
        done = self.product.command("run", "-d", "--workdir", "nowhere", "--env", "UNSET", "--env", "EMPTY=", *("--", "true"))
        self.assertIn("nowhere is no directory here", done.stderr)
        self.assertIn("--env UNSET: it is not set here", done.stderr)
        spec = self.api.get(f"/v1/jobs/{done.stdout.strip()}/spec")["tasks"][0]
        self.assertEqual((False, ""), ("UNSET" in spec["env"], spec["env"]["EMPTY"]))
        self.product.ensure("cancel", done.stdout.strip())

    def test_a_plan_counts_files_not_the_lists_that_name_them(self):
        for name in ("one", "two", "twin"):
            self.write(f"counted/{name}.txt", "two" if name == "twin" else name)
        self.product.write("job.yaml", "name: counted\nrun: x\ninputs: [counted/]\n" + HELD)

        def planned():
            done = self.product.command("plan", "job.yaml", "--json")
            self.assertEqual(3, done.returncode, "it fits nowhere")
            uploads = json.loads(done.stdout)["uploads"]
            return uploads["files"], uploads["size_bytes"], uploads["missing_files"], uploads["missing_bytes"]

        self.assertEqual((3, 9, 2, 6), planned(), "equal files are sent once")
        self.run_detached("job.yaml")
        self.assertEqual((3, 9, 0, 0), planned())

    def test_names_of_a_pattern_alone_send_no_files(self):
        self.write("names/secret.txt", "not asked for")
        task = self.spec_of('each: {glob: "names/*"}\nrun: x\n')
        self.assertEqual("names/secret.txt\n", self.blob(task["each"]["items"]).decode())
        name = hashlib.sha256(b"not asked for").hexdigest()
        self.assertEqual(404, self.request("GET", f"/v1/blobs/{name}").status)


if __name__ == "__main__":
    e2e.main()

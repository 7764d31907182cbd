"""HyperQueue from PyPI: its Python package holds server and worker, without a journal. There a function starts an interpreter for each
task."""

import importlib.metadata
import pathlib
import sys
import tempfile

import hyperqueue
import hyperqueue.client
import hyperqueue.cluster
import timing

CPUS = 64  # declared: with few it is far slower


def nothing():
    return None


def main():
    tasks, rounds, _ = timing.arguments()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stint-peer-"))
    with hyperqueue.cluster.LocalCluster() as cluster:
        cluster.start_worker(hyperqueue.cluster.WorkerConfig(cores=CPUS))
        client = cluster.client(python_env=hyperqueue.client.PythonEnv(python_bin=sys.executable))

        def processes(count):
            job = hyperqueue.Job(folder)
            for _ in range(count):
                job.program(["true"], stdout=None, stderr=None)
            client.wait_for_jobs([client.submit(job)])

        def functions(count):
            job = hyperqueue.Job(folder)
            for _ in range(count):
                job.function(nothing, stdout=None, stderr=None)
            client.wait_for_jobs([client.submit(job)])

        rates = {"process": timing.rate(tasks, rounds, processes), "function": timing.rate(max(1, tasks // 10), 1, functions)}
    timing.tell("HyperQueue (PyPI)", importlib.metadata.version("hyperqueue"), f"one worker of {CPUS} CPUs, no journal, no output", rates)


if __name__ == "__main__":
    main()

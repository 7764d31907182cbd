"""Dask: Client.map on a local cluster of one worker process per core, results gathered. No dashboard."""

import logging
import subprocess

import distributed
import timing


def nothing(_):
    return None


def process(_):
    return subprocess.run(["true"], check=True).returncode


def main():
    tasks, rounds, cores = timing.arguments()
    logging.getLogger("distributed").setLevel(logging.ERROR)
    cluster = distributed.LocalCluster(n_workers=cores, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:

        def carry_out(function, count):
            client.gather(client.map(function, range(count), pure=False))

        rates = {
            "function": timing.rate(tasks, rounds, lambda count: carry_out(nothing, count)),
            "process": timing.rate(tasks, rounds, lambda count: carry_out(process, count)),
        }
    timing.tell("Dask", distributed.__version__, f"{cores} worker processes of one thread, no dashboard", rates)


if __name__ == "__main__":
    main()

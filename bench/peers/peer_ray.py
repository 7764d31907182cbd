"""Ray: remote functions on one node; all submitted, then all fetched, as its documentation has it. No dashboard."""

import subprocess

import ray
import timing

tasks, rounds, cores = timing.arguments()
ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False, configure_logging=False)


@ray.remote
def nothing():
    return None


@ray.remote
def process():
    return subprocess.run(["true"], check=True).returncode


timing.tell(
    "Ray",
    ray.__version__,
    f"one node, {cores} CPUs, no dashboard",
    {
        "function": timing.rate(tasks, rounds, lambda count: ray.get([nothing.remote() for _ in range(count)])),
        "process": timing.rate(tasks, rounds, lambda count: ray.get([process.remote() for _ in range(count)])),
    },
)
ray.shutdown()

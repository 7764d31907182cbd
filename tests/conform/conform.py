"""stint-conform against the implementations of this tree, each as a user starts it."""

import json
import os
import pathlib
import shlex

import accept
from cell import Cell

AGENTS = 4  # of the scheduler's: so many cases run at the same time
HEARTBEAT = "2s"  # short enough that a lease can be seen to end
RUN_SECONDS = 900


def program(folder=None):
    """stint-conform, of the build or of another folder."""
    built = pathlib.Path(folder or os.environ.get("STINT_BIN_DIR", accept.ROOT / "build/release/bin")) / "stint-conform"
    if not built.exists():
        raise accept.SetupFailed(f"no {built}; build it: cmake --preset release && cmake --build --preset release")
    return built


def run(arguments, seconds=RUN_SECONDS):
    """The report of one run."""
    done = accept.run_command([program(), *arguments, "--json"], seconds)
    if done.returncode not in (0, 1, 77):
        raise accept.SetupFailed(f"stint-conform: exit status {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    for item in report["items"]:
        if item["verdict"] == "fail":
            accept.say(f"      {item['id']} {item['title']}: expected {item['expected']}; seen {item['seen']}")
        if item["verdict"] == "skip":
            accept.say(f"      {item['id']} {item['title']}: skipped, needs {item['needs']}")
    return report


def against_scheduler(product, *chosen):
    """Brings up a scheduler of that product with agents that nobody else plays."""
    cell = Cell(product)
    config = product.folder / "stint.toml"
    config.write_text(f'[scheduler]\nheartbeat = "{HEARTBEAT}"\n')
    cell.scheduler.arguments += ("--config", config)
    cell.start().close()
    host, port = cell.address()
    arguments = ["scheduler", "--server", f"{host}:{port}"]
    for number in range(AGENTS):
        key = product.folder / f"conform{number}.key"
        product.ensure("agent", "token", "--key-file", key, "--name", f"conform{number}")
        os.chown(key, os.geteuid(), os.getegid())
        arguments += ["--key-file", key]
    stint = f"env -C / HOME={product.home} STINT_STATE_DIR={cell.state} {product.stint}"
    arguments += ["--submit", f"{stint} run -d -- true", "--cancel", f"{stint} cancel {{job}}", *chosen]
    try:
        return run(arguments)
    finally:
        cell.scheduler.process.terminate()
        cell.scheduler.process.wait()


def against_agent(start, *arguments):
    return run(["agent", "--start", start, *arguments])


def against_cpp_agent(folder, *chosen):
    """`folder` holds stint-agent and stint-keeper."""
    return against_agent(f"{shlex.quote(str(folder))}/stint-agent --key-file {{key_file}} --state-dir {{state_dir}}", *chosen)

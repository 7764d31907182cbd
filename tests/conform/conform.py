"""stint-conform against the implementations of this tree, each as a user starts it."""

import json
import os
import pathlib
import shlex
import sys

import accept
from cell import Cell

sys.path.append(str(accept.ROOT / "tests/e2e"))

import own_network  # noqa: E402
from small_disk import Unavailable  # noqa: E402

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


def enter_network():
    """A network of this process' own, where a scheduler can listen beyond loopback. False: this machine allows none."""
    try:
        own_network.enter_namespace()
    except (Unavailable, OSError) as missing:
        accept.say(f"      no network of our own, so no address beyond loopback: {missing}")
        return False
    return True


def commands(product, cell):
    """How stint-conform asks that scheduler for what no agent can."""
    stint = f"env -C / HOME={product.home} STINT_STATE_DIR={cell.state} {product.stint}"
    asked = {
        "submit": "run -d -- true",
        "cancel": "cancel {job}",
        "token": "agent token --ttl {ttl}s",
        "revoke-token": "agent tokens --revoke {token}",
        "revoke": "agent revoke {agent}",
        "rotate": "keys rotate --grace {grace}s",
        "retire": "keys retire {key_epoch}",
        "remove": "keys retire --now {key_epoch}",
    }
    return [word for option, command in asked.items() for word in (f"--{option}", f"{stint} {command}")]


def against_scheduler(product, *chosen, beyond_loopback=False):
    """Brings up a scheduler of that product with agents that nobody else plays; and one that must speak TLS, where this network lets it."""
    cells = [Cell(product, "beyond", own_network.ADDRESS)] if beyond_loopback else []
    arguments = []
    for far in cells:
        far.start().close()
        arguments += ["--tls-only", ":".join(map(str, far.address()))]
    cell = Cell(product)
    cells.append(cell)
    config = product.folder / "stint.toml"
    config.write_text(f'[scheduler]\nheartbeat = "{HEARTBEAT}"\n')
    cell.scheduler.arguments += ("--config", config)
    cell.start().close()
    host, port = cell.address()
    arguments += ["--server", f"{host}:{port}"]
    for number in range(AGENTS):
        key = product.folder / f"conform{number}.key"
        product.ensure("agent", "token", "--key-file", key, "--name", f"conform{number}")
        os.chown(key, os.geteuid(), os.getegid())
        arguments += ["--key-file", key]
    try:
        return run(["scheduler", *arguments, *commands(product, cell), *chosen])
    finally:
        for each in cells:
            each.scheduler.process.terminate()
            each.scheduler.process.wait()


def against_agent(start, *arguments):
    return run(["agent", "--start", start, *arguments])


def against_cpp_agent(folder, *chosen):
    """`folder` holds stint-agent and stint-keeper."""
    agent = f"{shlex.quote(str(folder))}/stint-agent"
    join = f"{agent} join {{server}} {{token}} --key-file {{key_file}}"
    return against_agent(f"{agent} --key-file {{key_file}} --state-dir {{state_dir}}", "--join", join, *chosen)

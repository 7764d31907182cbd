"""The command lines of stint-python-agent: MODULE… runs, join HOST TOKEN joins."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from stint_sdk import __version__
from stint_sdk.agent.address import Address, choose_transport, parse_address
from stint_sdk.agent.trust import TlsOptions
from stint_sdk.errors import InvalidArgument
from stint_sdk.quantities import milliseconds

PROGRAM = "stint-python-agent"
JOIN_PATIENCE = "5m"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Runs functions that are marked with @task, for jobs with `driver: python`.",
        epilog=f"{PROGRAM} join HOST[:PORT] TOKEN makes this machine an agent; see {PROGRAM} join --help.",
    )
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="module or file with functions that @task marks")
    parser.add_argument("--server", action="append", default=[], metavar="ADDRESS", help="HOST:PORT [the key file's]; may be given again")
    parser.add_argument("--name", default="", help="[the key file's]")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes, each with a function at a time [1]")
    parser.add_argument("--window", type=int, default=0, metavar="N", help="most attempts it holds at once [2 for each worker]")
    parser.add_argument("--cpu", metavar="CORES", help="offered: 4, 500m [what the machine has]")
    parser.add_argument("--memory", metavar="BYTES", help="offered: 4Gi [what the machine has]")
    parser.add_argument("--gpu", type=int, default=0, metavar="N", help="offered, dealt out to the workers [0]")
    parser.add_argument("--storage", metavar="BYTES", help="offered [what is free]")
    parser.add_argument("--label", action="append", default=[], metavar="K=V", help="may be given again")
    add_common(
        parser, "journal and tasks' files [$STINT_STATE_DIR/agents/NAME]", "who this agent is [$STINT_STATE_DIR/agent.json, as join]"
    )
    options = parser.parse_args(arguments)
    if options.workers < 1 or options.gpu < 0 or options.window < 0:
        parser.error("--workers is at least 1, --gpu and --window are not negative")
    return options


def parse_join_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} join", description="Makes this machine an agent, with the line that `stint agent token` printed."
    )
    parser.add_argument("server", metavar="HOST[:PORT]")
    parser.add_argument("token", metavar="TOKEN")
    parser.add_argument("--name", default="", help="what it would like to be called [the token's, else this host's]")
    parser.add_argument("--timeout", default=JOIN_PATIENCE, metavar="TIME", help="how long an answer is waited for [%(default)s]")
    add_common(parser, "[$STINT_STATE_DIR]", "is written; beside it FILE.ed25519 [DIR/agent.json]")
    options = parser.parse_args(arguments)
    try:
        options.patience_s = milliseconds(options.timeout, "--timeout") / 1000
    except InvalidArgument as error:
        parser.error(str(error))
    return options


def add_common(parser: argparse.ArgumentParser, state_dir: str, key_file: str) -> None:
    parser.add_argument("--key-file", type=Path, metavar="FILE", help=key_file)
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help=state_dir)
    parser.add_argument(
        "--cell-pin",
        default="",
        metavar="PIN",
        help="sha256:HEX of the scheduler's key [the key file's or the token's, else $STINT_CELL_PIN]",
    )
    parser.add_argument(
        "--ca-file",
        default="",
        metavar="FILE",
        help="instead of a pin: who signed its certificate (PEM) [$STINT_CA_FILE, else the system's]",
    )
    parser.add_argument("--client-cert", default="", metavar="FILE", help="for a scheduler that asks for one (PEM) [$STINT_CLIENT_CERT]")
    parser.add_argument("--client-key", default="", metavar="FILE", help="its key [$STINT_CLIENT_KEY]")
    parser.add_argument(
        "--insecure-plaintext",
        action="store_true",
        help="speak to a server beyond this machine without TLS: frames are signed, but everybody on the way can read them",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")


def tls_options(options: argparse.Namespace) -> TlsOptions:
    return TlsOptions(options.cell_pin, options.ca_file, options.client_cert, options.client_key)


def find_base_dir(environment: Mapping[str, str] = os.environ) -> Path:
    if base := environment.get("STINT_STATE_DIR"):
        return Path(base)
    return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "stint"


def find_state_dir(options: argparse.Namespace, name: str) -> Path:
    return Path(options.state_dir) if options.state_dir is not None else find_base_dir() / "agents" / name


def find_key_file(options: argparse.Namespace) -> Path:
    """Errors: InvalidArgument."""
    if options.key_file is not None:
        return Path(options.key_file)
    path = find_base_dir() / "agent.json"
    if not path.exists():
        raise InvalidArgument(
            f"{path} is not there: this machine has not joined yet; `stint agent token` where the scheduler is prints the line for "
            f"`{PROGRAM} join`, or name a key file with --key-file"
        )
    return path


def find_addresses(options: argparse.Namespace, server: str) -> list[Address]:
    """server: the key file's. Errors: InvalidArgument."""
    texts = options.server or ([server] if server else [])
    if not texts:
        raise InvalidArgument('no server: give --server HOST:PORT, or name it as "server" in the key file')
    return [choose_transport(parse_address(text), insecure_plaintext=options.insecure_plaintext) for text in texts]

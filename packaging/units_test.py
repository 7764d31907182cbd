#!/usr/bin/env python3
"""The systemd units: `systemd-analyze verify` finds nothing, and what keeps tasks alive over an upgrade stands in them.

usage: units_test.py FOLDER   with the units as they are installed
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def settings_of(path):
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE))


def find_problems(units):
    """systemd-analyze wants the programs to be there; a copy of the units names one that is."""
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for unit in units:
            copy = pathlib.Path(folder) / unit.name.replace("@.", "@box7.")
            copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
            copies.append(copy)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True)
        return [line for line in done.stderr.splitlines() if "stint" in line]


def main():
    units = sorted(pathlib.Path(sys.argv[1]).glob("*.service"))
    assert len(units) == 2, units
    agent = settings_of(next(unit for unit in units if "agent" in unit.name))
    assert (agent["KillMode"], agent["Delegate"]) == ("process", "yes"), agent
    for unit in units:
        settings = settings_of(unit)
        assert settings["Restart"] == "on-failure" and settings["RestartPreventExitStatus"] == "2", unit
        assert re.match(r"/\S+/stint ", settings["ExecStart"]), settings["ExecStart"]
    if shutil.which("systemd-analyze") is None:
        print("systemd-analyze is not here")
        sys.exit(SKIPPED)
    problems = find_problems(units)
    assert not problems, "\n".join(problems)


if __name__ == "__main__":
    main()

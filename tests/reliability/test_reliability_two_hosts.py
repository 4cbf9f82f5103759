"""Commands on a cluster of two hosts leave what they leave on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import two_hosts

SCRIPT = Path(two_hosts.__file__)


@pytest.mark.slow
def test_two_hosts_and_a_cable_that_is_pulled():
    if why := two_hosts.missing():
        pytest.skip(why)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(bool(each.get("equal")) for each in found) == 2 * len(two_hosts.COMMANDS) + 2


def test_who_is_not_root_gets_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert two_hosts.main() == 2
    said = capsys.readouterr().err
    assert "root" in said
    assert said.count("\n") == 1

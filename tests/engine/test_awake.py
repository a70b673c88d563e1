"""Holding off sleep. The system's program is one of ours here: a machine for tests has no logind that would agree."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from labcapture.engine.awake import Awake

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd-inhibit is Linux's")
PATIENCE_S = 30.0


def system_that(answers: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have a systemd-inhibit that writes down its process id and what it was asked for, and then does ``answers``."""
    program, asked = folder / "systemd-inhibit", folder / "asked"
    program.write_text(
        f'#!/bin/sh\necho $$ "$@" > {asked}.part\nmv {asked}.part {asked}\n{answers}\n', encoding="ascii"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return asked


def has_ended(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not psutil.pid_exists(pid)


def test_sleep_is_held_off_until_it_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = system_that("exec cat", tmp_path, monkeypatch)
    awake = Awake()
    assert awake.holds
    pid, *words = asked.read_text(encoding="ascii").split()
    assert words[0] == "--what=sleep:idle"
    assert "--mode=block" in words
    assert psutil.pid_exists(int(pid))
    awake.release()
    assert not awake.holds
    assert has_ended(int(pid))
    awake.release()


@pytest.mark.parametrize("answers", ["exit 1", "exec true", "echo no; exec cat"])
def test_a_system_that_does_not_agree_is_told_of(answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = system_that(answers, tmp_path, monkeypatch)
    with Awake() as awake:
        assert not awake.holds
    assert has_ended(int(asked.read_text(encoding="ascii").split()[0]))


def test_a_system_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = system_that("exec sleep 1000", tmp_path, monkeypatch)
    with Awake() as awake:
        assert not awake.holds
    assert has_ended(int(asked.read_text(encoding="ascii").split()[0]))


def test_a_system_without_such_a_program_may_sleep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Awake() as awake:
        assert not awake.holds

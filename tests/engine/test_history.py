"""What earlier sessions of a protocol leave to later ones."""

from __future__ import annotations

import json
from pathlib import Path

from labcapture.engine.history import read_history


def write(out: Path, name: str, **facts: object) -> None:
    folder = out / name
    folder.mkdir(parents=True)
    whole = {"protocol": "p", "simulated": False, "autopilot": -1, **facts}
    (folder / "summary.json").write_text(json.dumps(whole), encoding="utf-8")


def test_only_like_sessions_of_the_protocol_count(tmp_path: Path) -> None:
    write(tmp_path, "a", assigned={"condition": "x"})
    write(tmp_path, "b", assigned={"condition": "y"})
    write(tmp_path, "c")
    write(tmp_path, "other", protocol="q", assigned={"condition": "x"})
    write(tmp_path, "simulated", simulated=True, assigned={"condition": "z"})
    write(tmp_path, "piloted", autopilot=0, assigned={"condition": "z"})
    write(tmp_path, "again", resumed_from="a", assigned={"condition": "x"})
    real = read_history(tmp_path, "p", rehearsal=False)
    assert (real.place, real.assigned) == (3, ({"condition": "x"}, {"condition": "y"}))
    assert read_history(tmp_path, "p", rehearsal=True).assigned == ({"condition": "z"}, {"condition": "z"})


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a", assigned=["no", "mapping"])
    for name, text in (("b", "{"), ("c", "[]"), ("d", "[" * 100_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(text, encoding="utf-8")
    found = read_history(tmp_path, "p", rehearsal=False)
    assert (found.place, found.assigned) == (1, ())
    assert read_history(tmp_path / "none", "p", rehearsal=False).place == 0

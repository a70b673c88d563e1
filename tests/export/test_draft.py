"""An export takes its name only when it is whole, goes on where it was cut off, and never overwrites."""

from __future__ import annotations

from pathlib import Path

import pytest

import labcapture
from labcapture.core.errors import RecordingError
from labcapture.export.draft import Draft, Exported
from labcapture.reading.session import Session


def _make(session: Session, final: Path, cut_at: str = "") -> tuple[list[str], Exported]:
    made = []
    with Draft(final, session, "test", {"size": 1}) as draft:
        for name in ("a.txt", "deep/b.txt", "c.txt"):
            if draft.lacks(name):
                with draft.making(name) as path:
                    path.write_text(name)
                    if name == cut_at:
                        raise KeyboardInterrupt
                made.append(name)
    return made, draft.exported("test")


def test_a_cut_off_export_goes_on_and_only_then_has_its_name(recorded: Path, tmp_path: Path) -> None:
    final = tmp_path / "out" / "thing"
    with labcapture.open(recorded) as session:
        with pytest.raises(KeyboardInterrupt):
            _make(session, final, cut_at="deep/b.txt")
        assert not final.exists()
        assert not (final.with_name("thing.partial") / "deep/b.txt").exists()
        made, result = _make(session, final)
    assert made == ["deep/b.txt", "c.txt"]
    assert sorted(str(p.relative_to(final)) for p in final.rglob("*")) == ["a.txt", "c.txt", "deep", "deep/b.txt"]
    assert (result.files, result.bytes) == (3, sum(len(name) for name in ("a.txt", "deep/b.txt", "c.txt")))
    assert [path.name for path in final.parent.iterdir()] == ["thing"]


def test_nothing_is_overwritten_and_no_other_draft_gone_on_with(recorded: Path, tmp_path: Path) -> None:
    final = tmp_path / "thing"
    with labcapture.open(recorded) as session:
        final.mkdir()
        with pytest.raises(RecordingError, match="exists already"):
            Draft(final, session, "test")
        with pytest.raises(RecordingError, match="in the session itself"):
            Draft(recorded / "export", session, "test")
        other = tmp_path / "other"
        with pytest.raises(KeyboardInterrupt):
            _make(session, other, cut_at="a.txt")
        with pytest.raises(RecordingError, match="another export"):
            Draft(other, session, "test", {"size": 2})
        with (
            Draft(tmp_path / "third", session, "test"),
            pytest.raises(RecordingError, match="written by another process"),
        ):
            Draft(tmp_path / "third", session, "test")

"""Whatever is wrong with a session: one clear line of what, where and what to do, from each command that opens it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

import labcapture
from labcapture.cli import main
from labcapture.core.errors import LabcaptureError
from labcapture.export import formats
from labcapture.recording import schema
from labcapture.recording.verify import verify


def _set(name: str, value: object) -> Callable[[Path], Path]:
    def change(folder: Path) -> Path:
        with h5py.File(folder / schema.SESSION_FILE, "r+") as h5:
            h5.attrs[name] = value
        return folder

    return change


def _half(folder: Path) -> Path:
    file = folder / schema.SESSION_FILE
    with file.open("rb+") as h5:
        h5.truncate(file.stat().st_size // 2)
    return folder


def _no_head(folder: Path) -> Path:
    with (folder / schema.SESSION_FILE).open("rb+") as h5:
        h5.write(bytes(4096))
    return folder


def _no_file(folder: Path) -> Path:
    (folder / schema.SESSION_FILE).unlink()
    return folder


def _text(folder: Path) -> Path:
    return folder / schema.CHECKSUMS_FILE


def _nowhere(folder: Path) -> Path:
    return folder.with_name("nowhere")


def _other_hdf5(folder: Path) -> Path:
    with h5py.File(folder / schema.SESSION_FILE, "w") as h5:
        h5["x"] = 1
    return folder


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "never closed": (_set("closed", False), "labcapture recover"),
    "newer": (_set("version", schema.VERSION + 1), "Update labcapture"),
    "cut off": (_half, "labcapture recover|labcapture verify"),
    "overwritten": (_no_head, "labcapture recover|labcapture verify"),
    "no session.h5": (_no_file, "session's folder|recover"),
    "another file": (_text, "session's folder"),
    "nowhere": (_nowhere, "session's folder"),
    "HDF5 of something else": (_other_hdf5, "right file|session's folder"),
}
"""How a session is spoilt, and what the line must tell to do (any of them)."""

COMMANDS = {
    "inspect": ("inspect", "{session}"),
    "report": ("inspect", "{session}", "--html", "{out}/report.html"),
    "transcode": ("transcode", "{session}", "{out}/copies", "--codec", "gzip"),
    "pack": ("pack", "{session}", "{out}/packed.h5"),
    "view": ("view", "{session}"),
    **{name: ("export", "{session}", "{out}/exported", "--to", name) for name in formats.MODULES},
}


def _complaint(command: str, session: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line that a command says of a session that it refuses."""
    arguments = [part.format(session=session, out=out) for part in COMMANDS[command]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["labcapture", *arguments])
        patch.setenv("QT_QPA_PLATFORM", "offscreen")  # of the viewer, if it came so far as to open a window
        with pytest.raises(SystemExit) as ended:
            main()
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.strip()]
    assert ended.value.code == 2, said
    assert said.out == ""
    assert len(lines) == 1, said.err
    assert not list(out.rglob("*.*")), "something was left behind"
    return lines[0]


def _tells(line: str, what: str) -> bool:
    return any(part in line for part in what.split("|"))


@pytest.mark.parametrize("bad", BAD)
def test_it_is_told_in_one_line(bad: str, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, what = BAD[bad]
    session, out = spoil(copied), tmp_path / "out"
    out.mkdir()
    with pytest.raises(LabcaptureError) as error:
        labcapture.open(session)
    assert _tells(str(error.value), what), str(error.value)
    assert str(session) in str(error.value)
    for command in COMMANDS:
        line = _complaint(command, session, out, capsys)
        assert _tells(line, what), f"{command}: {line}"


def test_a_trial_that_is_missing_is_named_and_the_others_are_read(copied: Path) -> None:
    (copied / schema.trial_path("03_e")).unlink()
    with labcapture.open(copied) as session:
        assert session.trials["01_a"].color[0].any()
        assert len(session.eda)
        with pytest.raises(LabcaptureError, match=r"03_e.*missing.*Put it back"):
            session.trials["03_e"].color[0]


@pytest.mark.parametrize("command", ["transcode", "casme3", "video"])
def test_a_session_that_lacks_a_trial_is_not_handed_on(
    command: str, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / schema.trial_path("03_e")).unlink()
    out = tmp_path / "out"
    out.mkdir()
    assert "03_e" in _complaint(command, copied, out, capsys)


def test_without_checksums_an_export_says_what_to_do(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied / schema.CHECKSUMS_FILE).unlink()
    out = tmp_path / "out"
    out.mkdir()
    line = _complaint("csv", copied, out, capsys)
    assert "checksums: is missing. Run: labcapture recover" in line


@pytest.mark.parametrize("spoil", [_set("version", schema.VERSION + 1), _half])
def test_what_cannot_be_read_is_not_told_as_lost(spoil: Callable[[Path], Path], copied: Path) -> None:
    problems = verify(spoil(copied)).problems
    assert len(problems) == 2, "why it cannot be read, and that it was changed"
    assert _tells(problems[0], "of format version|its end is cut off")


def test_verify_says_no_to_what_is_damaged(
    copied: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (copied / schema.trial_path("03_e")).unlink()
    monkeypatch.setattr(sys, "argv", ["labcapture", "verify", str(copied)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "03_e" in capsys.readouterr().err

"""`recover` brings back what a crash left, proves it, and changes nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks.faults import victim
from benchmarks.faults.kill import check
from benchmarks.faults.power_loss import lose_power
from labcapture import reading
from labcapture.core.errors import RecordingError
from labcapture.recording import recover_draft
from labcapture.recording.encodings import DEFAULT, codec_of, of
from labcapture.recording.hold import Hold, is_held
from labcapture.recording.journal import JournalReader
from labcapture.recording.recover import Recovery, recover
from labcapture.recording.schema import SESSION_FILE, journal_path, trial_path
from labcapture.recording.superblock import Mended, lookup3, mended
from labcapture.recording.verify import verify
from tests.reading.recorded_world import record

LABCAPTURE = (sys.executable, "-m", "labcapture.cli")


@pytest.fixture(scope="module")
def crashed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return killed(tmp_path_factory.mktemp("crash"))


def killed(out: Path, codec: str = DEFAULT) -> Path:
    """Return a session that was killed in the midst of its second trial or a later one."""
    for attempt in range(20):
        folder = victim.crash(out / str(attempt), 1.6 + 0.1 * attempt, codec=codec)
        if not (folder / trial_path("02_a")).is_file() or (folder / "checksums").exists():
            continue
        kinds = [line["kind"] for line in JournalReader(folder / journal_path(last_trial(folder)))]
        if kinds.count("chunk") > 20 and kinds[-1] == "chunk":  # what comes after them closes the trial
            return folder
    raise AssertionError("the victim never came to its second trial")


@pytest.fixture
def crashed(crashed_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crashed_once, tmp_path / crashed_once.name))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("closed"))


def last_trial(folder: Path) -> str:
    return max(path.stem for path in (folder / "trials").glob("*.h5"))


def proven(folder: Path) -> Recovery:
    """Recover, and hold the outcome against what the journals say."""
    before, promised = victim.fingerprints(folder), victim.journalled(folder)
    result = recover(folder)
    victim.prove(folder, promised, before, result)
    assert not recover(folder).recovered
    return result


@pytest.mark.parametrize("seed", range(3))
def test_every_journalled_frame_is_recovered_after_a_kill(tmp_path: Path, seed: int) -> None:
    folder = victim.crash(tmp_path, np.random.default_rng(seed).uniform(0.0, victim.SECONDS))
    check(folder)


@pytest.mark.parametrize("without_journal", [False, True])
def test_pictures_of_another_encoding_are_recovered_as_well(tmp_path: Path, without_journal: bool) -> None:
    pytest.importorskip("blosc2", reason="labcapture[blosc2] is not installed")
    folder = killed(tmp_path, "blosc2")
    last, promised, before = last_trial(folder), victim.journalled(folder), victim.fingerprints(folder)
    if without_journal:
        (folder / journal_path(last)).unlink()
        promised = victim.Journalled({}, promised.rows)
        before = victim.fingerprints(folder)
    result = recover(folder)
    assert victim.prove(folder, promised, before, result) > 0
    with h5py.File(folder / trial_path(last)) as trial:
        assert (trial.attrs["codec"], codec_of(trial["color/frames"])) == ("blosc2", of("blosc2"))


@pytest.mark.parametrize("seed", range(2))
def test_what_was_safe_survives_a_loss_of_power(tmp_path: Path, seed: int) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the model finds the synchronised files below /proc")
    chance = np.random.default_rng(seed)
    folder = victim.crash(tmp_path / "out", chance.uniform(0.5, victim.SECONDS), tmp_path / "shadow")
    synced = tmp_path / "shadow" / folder.name
    promised = victim.journalled(synced)
    lose_power(folder, synced, chance)
    before = victim.fingerprints(folder)
    victim.prove(folder, promised, before, recover(folder))


def test_a_damaged_journal_and_a_damaged_file_make_up_for_each_other(crashed: Path) -> None:
    """What outlived in either of them is found, whatever else that one has lost."""
    whole, journal = victim.journalled(crashed).rows, crashed / journal_path()
    lines = journal.read_bytes().splitlines(keepends=True)
    sounds = [i for i, line in enumerate(lines) if b'"path":"/voice"' in line]
    for i in sounds[1 : len(sounds) // 2]:
        lines[i] = lines[i].replace(b'"extend"', b'"extent"')
    journal.write_bytes(b"".join(lines))
    told = victim.journalled(crashed).rows
    stored: list[h5py.h5d.StoreInfo] = []
    with Mended(crashed / SESSION_FILE) as readable, h5py.File(readable, "r") as h5:
        sounded = len(h5["voice/samples"])
        for path in ("eda/samples", "markers"):
            h5[path].id.chunk_iter(stored.append)
    assert told["/voice/samples"] < sounded <= whole["/voice/samples"]
    with (crashed / SESSION_FILE).open("r+b") as file:
        for chunk in stored:
            file.seek(chunk.byte_offset)
            file.write(bytes(chunk.size))
    result = recover(crashed)
    with h5py.File(crashed / SESSION_FILE) as h5:
        found = {path: len(h5[path]) for path in whole}
        values = h5["eda/samples"][:, 0]
    assert found == {**whole, "/voice/samples": sounded}
    assert np.array_equal(values, np.repeat(np.arange(len(values) // 6), 6))
    assert any("was read for" in note and "/voice" in note and "/eda" not in note for note in result.notes)
    assert verify(crashed).whole


def test_a_recovered_session_says_so_and_reads_like_any_other(crashed: Path) -> None:
    result = proven(crashed)
    assert result.is_complete
    assert result.recovered
    last = last_trial(crashed)
    states = {trial.trial: (trial.state, trial.broke_off) for trial in result.trials}
    assert states[last] == ("rebuilt", True)
    assert states["01_a"] == ("kept", False)
    with reading.open(crashed) as session:
        assert session.attributes["recovered"]
        assert session.attributes["closed"]
        assert not session.attributes["completed"]
        assert "broke off" in session.attributes["error"]
        assert session.part == "B"
        assert [row["balance"] for row in session.ledger] == [15, 10]
        assert [row["reason"] for row in session.calibrations] == ["a cast"]
        assert (session.h5["calibration/depth"][0] == 500).all()
        trial = session.trials[last]
        picture = trial.streams["color"]
        assert np.isfinite(picture.time).all()
        assert np.diff(picture.time) == pytest.approx(1 / victim.RATE_HZ, abs=2e-3)
    with h5py.File(crashed / trial_path(last)) as h5:
        assert h5.attrs["recovered"]
        assert not h5.attrs["whole"]
        assert any(b"broke off" in row["note"] for row in h5["color/gaps"][()])
    summary = json.loads((crashed / "summary.json").read_text(encoding="utf-8"))
    assert summary["assigned"] == {"group": "paid"}
    (entry,) = [trial for trial in summary["trials"] if trial["trial"] == last]
    assert not entry["annotatable"]
    assert "broke off" in entry["reasons"][0]
    assert summary["started_utc"] < summary["ended_utc"]


def test_a_torn_line_costs_that_line_only(crashed: Path) -> None:
    last = last_trial(crashed)
    for journal in (crashed / journal_path(last), crashed / journal_path()):
        data = journal.read_bytes()
        journal.write_bytes(data[:-37])
        assert not data.endswith(journal.read_bytes()[-20:])
    assert proven(crashed).is_complete


def test_a_damaged_line_is_told_and_what_stands_around_it_is_saved(crashed: Path) -> None:
    last = last_trial(crashed)
    path = crashed / journal_path(last)
    lines = path.read_bytes().splitlines(keepends=True)
    chunks = [i for i, line in enumerate(lines) if line.startswith(b'{"kind":"chunk","d":"/color')]
    assert len(chunks) > 6
    lines[chunks[3]] = b"\0" * (len(lines[chunks[3]]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    result = proven(crashed)
    (trial,) = [each for each in result.trials if each.trial == last]
    if trial.source == "journal":  # the file may know more, if it was flushed since
        assert trial.lost == {"color": 1, "depth": 0}
        assert not result.is_complete
        with h5py.File(crashed / trial_path(last)) as h5:
            (row,) = [row for row in h5["color/gaps"][()] if row["count"] == 1]
            numbers = h5["color/frame_number"][()].tolist()
        assert row["cause"] == b"recorder_overflow"
        assert int(row["first"]) not in numbers


def test_a_picture_whose_bytes_are_gone_is_a_row_of_the_gap_table(crashed: Path) -> None:
    last = last_trial(crashed)
    chunks = [c for c in JournalReader(crashed / journal_path(last)).chunks() if c.dataset == "/depth/frames"]
    spoilt = chunks[len(chunks) // 2]
    path = crashed / trial_path(last)
    with path.open("r+b") as file:
        file.seek(spoilt.offset + spoilt.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))
    result = recover(crashed)
    assert verify(crashed).problems == []
    (trial,) = [each for each in result.trials if each.trial == last]
    assert trial.lost == {"color": 0, "depth": 1}
    assert not result.is_complete
    with h5py.File(path) as h5:
        number = spoilt.frame_number  # on a machine under load other frames may be missing, too
        (row,) = [row for row in h5["depth/gaps"][()] if row["count"] and row["first"] <= number <= row["last"]]
        assert spoilt.frame_number not in h5["depth/frame_number"][()]
    assert (row["first"], row["last"], row["cause"]) == (spoilt.frame_number, spoilt.frame_number, b"recorder_overflow")


@pytest.mark.parametrize("which", ["trial", "session", "both"])
def test_without_a_journal_the_file_itself_is_read(crashed: Path, which: str) -> None:
    last = last_trial(crashed)
    if which != "session":
        with pytest.raises(OSError, match="already open for write"):
            h5py.File(crashed / trial_path(last), "r")
        (crashed / journal_path(last)).unlink()
    if which != "trial":
        (crashed / journal_path()).unlink()
    before = victim.fingerprints(crashed)
    result = recover(crashed)
    sources = {trial.trial: trial.source for trial in result.trials}
    assert sources[last] == ("journal" if which == "session" else "file")
    frames = victim.prove(
        crashed, victim.Journalled({}, dict.fromkeys(("/voice/samples", "/eda/samples", "/markers"), 1)), before, result
    )
    assert frames >= 2 * victim.TRIAL_FRAMES


def test_damaged_superblocks_do_not_matter(crashed: Path) -> None:
    last = last_trial(crashed)
    for path in (crashed / trial_path(last), crashed / SESSION_FILE):
        with path.open("r+b") as file:
            file.write(b"\0" * 48)
    (crashed / journal_path()).unlink()
    before = victim.fingerprints(crashed)
    result = recover(crashed)
    victim.prove(crashed, victim.Journalled({}, {"/markers": 1}), before, result)


def test_an_interrupted_recovery_is_finished_by_the_next(crashed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, promised = victim.fingerprints(crashed), victim.journalled(crashed)
    real, moves = Path.rename, iter(range(100))

    def rename(self: Path, target: Path) -> Path:
        if next(moves) == 4:
            raise OSError("the machine stopped here")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(RecordingError, match="stopped here"):
        recover(crashed)
    monkeypatch.undo()
    result = recover(crashed)
    assert result.recovered
    assert not (crashed / recover_draft.FOLDER).exists()
    victim.prove(crashed, promised, before, result)
    assert not recover(crashed).recovered


@pytest.mark.parametrize(
    "plan", ['{"originals": "../x", "replaced": []}', '{"originals": "crashed", "replaced": ["../y"]}', "["]
)
def test_a_plan_that_leads_out_of_the_session_is_refused(tmp_path: Path, plan: str) -> None:
    folder = tmp_path / "session"
    draft = folder / recover_draft.FOLDER
    draft.mkdir(parents=True)
    (tmp_path / "y").write_text("not ours", encoding="utf-8")
    (draft / "ready").write_text(plan, encoding="utf-8")
    with pytest.raises(RecordingError, match="its plan is damaged"):
        recover(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session", "y"]


def test_a_trial_that_was_only_being_created_is_no_loss(crashed: Path) -> None:
    (crashed / journal_path("99_z")).touch()
    result = proven(crashed)
    assert result.is_complete
    assert "before its first frame" in result.notes[0]


@pytest.mark.parametrize("lines", [2, 3, 4])
def test_a_trial_whose_creation_was_cut_off_is_recovered(crashed: Path, lines: int) -> None:
    """After its attributes, after the first of its two streams, before the second one."""
    path = crashed / journal_path(last_trial(crashed))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
    assert proven(crashed).is_complete


def test_a_trial_of_which_nothing_is_left_is_told(crashed: Path) -> None:
    (crashed / journal_path("01_a")).unlink()
    (crashed / trial_path("01_a")).unlink()
    result = recover(crashed)
    assert not result.is_complete
    assert "01_a" in result.lost[0]
    assert verify(crashed).problems == []


def test_an_unfinished_draft_is_begun_anew(crashed: Path) -> None:
    draft = crashed / recover_draft.FOLDER
    before, promised = victim.fingerprints(crashed), victim.journalled(crashed)
    draft.mkdir()
    (draft / SESSION_FILE).write_bytes(b"half of it")
    victim.prove(crashed, promised, before, recover(crashed))
    assert not draft.exists()


def test_a_session_that_is_being_recorded_is_refused(crashed: Path) -> None:
    before = victim.fingerprints(crashed)
    hold = Hold(crashed)
    try:
        assert is_held(crashed)
        with pytest.raises(RecordingError, match="is being recorded"):
            recover(crashed)
    finally:
        hold.release()
    assert victim.fingerprints(crashed) == before
    assert not is_held(crashed)


def test_a_closed_session_is_left_alone(closed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in closed.rglob("*")}
    result = recover(closed)
    assert not result.recovered
    assert {path: path.stat().st_mtime_ns for path in closed.rglob("*")} == before


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LABCAPTURE, "recover", *arguments], capture_output=True, text=True, check=False)


def test_the_command_tells_what_it_saved(crashed: Path, closed: Path, tmp_path: Path) -> None:
    done = command(str(crashed), "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["complete"]
    assert facts["trials"][0]["recovered"] == {"color": victim.TRIAL_FRAMES, "depth": victim.TRIAL_FRAMES}
    again = command(str(closed))
    assert again.returncode == 0
    assert "nothing to recover" in again.stderr
    nothing = command(str(tmp_path))
    assert nothing.returncode == 2
    assert len(nothing.stderr.strip().splitlines()) == 1


def test_the_checksum_of_a_superblock_is_lookup3() -> None:
    # From the driver in Bob Jenkins' lookup3.c.
    assert lookup3(b"") == 0xDEADBEEF
    assert lookup3(b"Four score and seven years ago") == 0x17770551


def test_a_closed_file_needs_no_mending(closed: Path) -> None:
    path = closed / SESSION_FILE
    head = path.read_bytes()[:48]
    assert mended(head, path.stat().st_size) == head
    assert mended(b"\0" * 48, path.stat().st_size) == head
    with Mended(path) as file, h5py.File(file, "r") as h5:
        assert h5.attrs["participant"] == "P007"

"""A corpus of real small sessions, a damaged, a never-closed and a foreign one: its table, summary and work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import labcapture.corpus
from benchmarks.corpus import record
from benchmarks.faults import victim
from labcapture.core.errors import BadInput
from labcapture.corpus import Corpus, Outcome, ReportRule, Team, carry_out
from labcapture.corpus.columns import COLUMNS
from labcapture.corpus.index import NAME
from labcapture.corpus.jobs import files_mark
from labcapture.protocol.rule import QualityRule
from labcapture.recording.verify import verify

CLIPS = {"a": "disgust", "b": "fear", "c": "fear"}
WELL, LOSSY, SIMULATED = "P001", "P002", "P003"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    record(root, WELL, CLIPS, simulated=False).rename(root / WELL)
    (root / "below").mkdir()
    record(root, LOSSY, CLIPS, simulated=False, lost=(3, 4, 5)).rename(root / "below" / LOSSY)
    record(root, SIMULATED, {"m": "happiness"}, form={"emotion": "amusement"}).rename(root / SIMULATED)
    shutil.copytree(root / WELL, root / "damaged")
    (root / "damaged" / "session.h5").write_bytes((root / WELL / "session.h5").read_bytes()[:3000])
    victim.crash(root / "killed", 1.0).rename(root / "crashed")
    (root / "foreign").mkdir()
    (root / "foreign" / "session.h5").write_text("a novel", encoding="utf-8")
    (root / "holiday").mkdir()
    return root


@pytest.fixture
def lab(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "lab"))


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    with Team(workers=2) as team:
        yield team


def _states(outcomes: list[Outcome]) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in outcomes}


def _marks(root: Path) -> dict[str, str]:
    return {str(path.parent): files_mark(path.parent) for path in root.rglob("session.h5")}


def test_the_table_has_what_was_recorded(lab: Path) -> None:
    table = labcapture.corpus.open(lab).table()
    assert list(table.columns) == [column.name for column in COLUMNS]
    assert table["folder"].tolist() == [
        *(WELL, WELL, WELL, SIMULATED, f"below/{LOSSY}", f"below/{LOSSY}", f"below/{LOSSY}"),
        *("crashed", "damaged", "foreign"),
    ]
    well, lossy = table[table["folder"] == WELL], table[table["folder"] == f"below/{LOSSY}"]
    assert well["clip"].tolist() == list(CLIPS)
    assert well["emotion"].tolist() == list(CLIPS.values())
    assert set(well["part"]) == {"A"}
    assert set(lossy["part"]) == {"B"}
    assert well["color_frames"].tolist() == well["depth_frames"].tolist() == [10, 10, 10]
    assert lossy["depth_lost_before_us"].tolist() == [3, 0, 0]
    assert lossy["depth_longest_run"].tolist() == [3, 0, 0]
    assert lossy["annotatable"].tolist() == [False, True, True]
    assert lossy["depth_frames"].tolist() == [7, 10, 10]
    assert well["length_s"].tolist() == pytest.approx([0.3423] * 3, abs=1e-3)
    assert set(well["felt_fear"]) == {4.0}
    assert well["felt_contempt"].isna().all()
    assert well["color_rate_hz"].tolist() == pytest.approx([30.0] * 3, abs=0.1)
    assert well["camera_uncertainty_s"].notna().all()
    bad = table.set_index("folder").loc[["crashed", "damaged", "foreign"]]
    assert bad["state"].tolist() == ["never closed", "damaged", "damaged"]
    assert bad["problem"].astype(bool).all()
    assert (bad["trial"] == "").all()


def test_the_summary_counts_recorded_and_simulated_apart(lab: Path) -> None:
    corpus = labcapture.corpus.open(lab)
    facts = corpus.summary()
    assert [facts[kind]["sessions"] for kind in ("recorded", "simulated")] == [2, 1]
    assert facts["unreadable"] == {"sessions": 3, "states": {"damaged": 2, "never closed": 1}}
    a, b, total = facts["recorded"]["table_2"]
    assert [row["part"] for row in (a, b, total)] == ["A", "B", "Total"]
    assert [row["subjects"] for row in (a, b, total)] == [1, 1, 2]
    assert [row["videos"] for row in (a, b, total)] == [3, 3, 6]
    assert total["frames"] == 60
    assert a["minutes_per_subject"] == pytest.approx(3 * 0.3423 / 60, rel=0.01)
    felt = {(row["part"], row["emotion"]): row for row in facts["recorded"]["table_3"]}
    assert (felt["A", "fear"]["stimuli"], felt["A", "fear"]["self_reports"]) == (2, 3)
    assert (felt["A", "sadness"]["stimuli"], felt["A", "sadness"]["self_reports"]) == (0, 3)  # as high as fear
    assert felt["A", "anger"]["self_reports"] == 0
    assert facts["simulated"]["table_3"][-1] == {
        **{"part": "A", "emotion": "amusement", "stimuli": 0, "self_reports": 1}
    }
    single = {
        row["emotion"]: row["self_reports"] for row in corpus.summary(ReportRule("single"))["recorded"]["table_3"]
    }
    assert single["fear"] == single["sadness"] == 0
    every = {row["emotion"]: row["self_reports"] for row in corpus.summary(ReportRule("all"))["recorded"]["table_3"]}
    assert (every["anger"], every["happiness"]) == (3, 0)


def test_the_index_reads_only_what_changed(lab: Path) -> None:
    corpus = labcapture.corpus.open(lab)
    assert corpus.refresh().read == 6
    again = labcapture.corpus.open(lab)
    assert again.refresh().read == 0
    assert again.table(refresh=False).equals(corpus.table(refresh=False))
    with (lab / WELL / "checksums").open("a") as file:
        file.write("more\n")
    shutil.rmtree(lab / SIMULATED)
    done = again.refresh()
    assert (done.sessions, done.read, done.gone) == (5, 1, 1)
    (lab / NAME).write_bytes(b"not parquet")
    rebuilt = labcapture.corpus.open(lab)
    assert rebuilt.refresh().read == 5
    assert rebuilt.table(refresh=False).equals(again.table(refresh=False))
    answer = rebuilt.query("SELECT count(*) AS n FROM clips WHERE part = 'A' AND trial <> ''")
    assert answer["n"].tolist() == [3]


def test_an_index_is_not_written_over_something_else(lab: Path, tmp_path: Path) -> None:
    other = tmp_path / "letters.parquet"
    other.write_text("dear", encoding="utf-8")
    with pytest.raises(BadInput, match="is no index"):
        labcapture.corpus.open(lab, other)
    assert other.read_text("utf-8") == "dear"


def test_where_nothing_can_be_written_the_table_is_made_all_the_same(lab: Path, tmp_path: Path) -> None:
    corpus = labcapture.corpus.open(lab, tmp_path / "no" / "such" / "folder.parquet")
    assert "was not kept" in corpus.refresh().not_kept
    assert len(corpus.table(refresh=False)) == 10


def test_verify_then_recover_then_nothing_is_left_to_do(lab: Path, team: Team) -> None:
    corpus = labcapture.corpus.open(lab)
    bad = {"crashed": "failed", "damaged": "failed", "foreign": "failed"}
    good = dict.fromkeys([WELL, SIMULATED, f"below/{LOSSY}"], "done")
    found = corpus.verify(team)
    assert _states(found) == good | bad
    assert all(outcome.what for outcome in found)
    assert _states(corpus.verify(team)) == dict.fromkeys(good, "skipped") | bad
    assert _states(corpus.verify(team, again=True)) == good | bad
    mended = _states(corpus.recover(team))
    assert mended["crashed"] == "done"
    assert {mended[name] for name in good} == {"skipped"}
    assert verify(lab / "crashed").whole
    (lab / WELL / "log.jsonl").write_text("{}\n", encoding="utf-8")
    assert _states(corpus.verify(team))[WELL] == "failed"


def test_transcode_and_export_stay_when_repeated(lab: Path, team: Team, tmp_path: Path) -> None:
    corpus = labcapture.corpus.open(lab)
    before = _marks(lab)
    out = tmp_path / "gzip"
    first = _states(corpus.transcode("gzip", out, team))
    good = [WELL, SIMULATED, f"below/{LOSSY}"]
    assert {first[name] for name in good} == {"done"}
    assert {first[name] for name in ("crashed", "damaged", "foreign")} == {"failed"}
    assert verify(out / "below" / LOSSY).whole
    made = _marks(out)
    again = _states(corpus.transcode("gzip", out, team))
    assert {again[name] for name in good} == {"skipped"}
    assert _marks(out) == made
    tables = tmp_path / "csv"
    exported = _states(corpus.export("csv", tables, team))
    assert {exported[name] for name in good} == {"done"}, exported
    assert exported["crashed"] == "failed"
    assert any((tables / "below").rglob("*.csv"))
    assert {_states(corpus.export("csv", tables, team))[name] for name in good} == {"skipped"}
    assert _marks(lab) == before
    with pytest.raises(BadInput, match=r"csv has no such option.*Is it 'sound'"):  # once, not by each session
        corpus.export("csv", tables, team, {"sounds": "no"})
    with pytest.raises(BadInput, match="lies in the corpus itself"):
        corpus.transcode("gzip", lab / "copies", team)


def test_reroute_writes_beside_the_corpus_and_touches_no_session(lab: Path, team: Team, tmp_path: Path) -> None:
    corpus = labcapture.corpus.open(lab)
    before = _marks(lab)
    rule = QualityRule(critical=("color", "depth"), max_lost_run=5, max_lost_fraction=0.5, max_step_periods=9)
    out, links = tmp_path / "routing.csv", tmp_path / "links"
    done = corpus.reroute(rule, out, team, links)
    assert {outcome.name: outcome.facts["part"] for outcome in done if outcome.state == "done"} == {
        **{WELL: "A", f"below/{LOSSY}": "A", SIMULATED: "A"}
    }
    assert _states(corpus.reroute(rule, out, team)) == {
        **dict.fromkeys([WELL, f"below/{LOSSY}", SIMULATED], "skipped"),
        **dict.fromkeys(["crashed", "damaged", "foreign"], "failed"),
    }
    assert _marks(lab) == before
    assert (links / "A" / f"below__{LOSSY}").resolve() == lab / "below" / LOSSY
    assert out.read_text("utf-8").count("\n") == 4
    letter = tmp_path / "letter.csv"
    letter.write_text("dear\n", encoding="utf-8")
    with pytest.raises(BadInput, match="something else"):
        corpus.reroute(rule, letter, team)


def test_what_may_pass_is_tried_again_and_what_may_not_is_not(lab: Path, team: Team) -> None:
    class Flaky(Team):
        """A team whose first answer about each session is an error of the disk."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        def each(self, do: Any, errands: Any) -> Iterator[Any]:  # noqa: ANN401 - as its base
            for job in errands:
                self.asked.append(job.name)
                passing = OSError(5, "Input/output error") if self.asked.count(job.name) == 1 else None
                yield job, (ValueError("never") if job.name == "foreign" else passing or do(job))

    flaky = Flaky()
    corpus = labcapture.corpus.open(lab)
    found = {outcome.name: outcome for outcome in carry_out(corpus._jobs("verify"), flaky, pause_s=0)}
    assert (found[WELL].state, found[WELL].tries) == ("done", 2)
    assert (found["foreign"].state, found["foreign"].tries) == ("failed", 1)


def _run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labcapture.cli", "corpus", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))


def test_the_commands(lab: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    done = _run(lab, "table", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["rows"]) == 10
    assert out.is_file()
    shown = _run(lab, "summary")
    assert "simulated sessions" in shown.stdout
    assert "3 that cannot be read" in shown.stdout
    assert "highest" in shown.stdout
    failed = _run(lab, "verify", "--workers", 2, "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["failed"] == 3
    assert "damaged: not whole" in failed.stderr
    wrong = _run(tmp_path / "nowhere", "table")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "no such folder" in wrong.stderr


def test_a_corpus_is_opened_by_its_path(lab: Path) -> None:
    assert isinstance(labcapture.corpus.open(str(lab)), Corpus)
    assert len(labcapture.corpus.open(lab).sessions()) == 6


def test_the_page_has_every_column() -> None:
    page = (Path(__file__).parents[2] / "docs" / "corpus.md").read_text("utf-8")
    for column in COLUMNS:
        assert f"| `{column.name}` | {column.type} | {column.meaning} |" in page

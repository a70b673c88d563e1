"""A corpus: the sessions below a folder, as one table, and the same work on each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from labcapture.core.errors import BadInput
from labcapture.corpus import counting, rerouting
from labcapture.corpus.campaign import TRIES, Tell, carry_out
from labcapture.corpus.columns import SESSION
from labcapture.corpus.index import Index, Refreshed, batches
from labcapture.corpus.jobs import Job, Outcome
from labcapture.corpus.rows import Row, read_sessions
from labcapture.corpus.team import Team
from labcapture.protocol.rule import QualityRule
from labcapture.reading.catalogue import folders
from labcapture.recording import encodings

_BATCH = 16  # sessions that are read at a time
_PANDAS: Mapping[Any, Any] = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=float("nan")),
}


class Corpus:
    """The sessions in a folder and in the folders below it.

    Parameters
    ----------
    root
        The folder.
    index
        File that keeps the table, ``labcapture-index.parquet`` in ``root`` unless given.

    Raises
    ------
    BadInput
        There is no such folder, or ``index`` is something else.
    """

    def __init__(self, root: str | Path, index: str | Path | None = None) -> None:
        self.index = Index(Path(root), None if index is None else Path(index))
        self.root = self.index.root
        self.refreshed: Refreshed | None = None
        """What the last `refresh` did."""

    def __repr__(self) -> str:
        return f"<Corpus {self.root}: {self.index.table.num_rows} rows>"

    # Tables -----------------------------------------------------------------------------------------------------------

    def refresh(
        self, team: Team | None = None, tell: Callable[[int, int], None] | None = None, *, anew: bool = False
    ) -> Refreshed:
        """Bring the index up to date with the folders.

        Parameters
        ----------
        team
            Reads the sessions that changed; this process does unless given.
        tell
            Told (sessions read, sessions to read).
        anew
            Whether to read all sessions, whatever the index says of them.
        """

        def read(changed: Sequence[Path]) -> Iterator[list[Row]]:
            done = 0
            errand = partial(read_sessions, root=self.root)
            pieces = list(batches(changed, _BATCH))
            found = ((piece, errand(piece)) for piece in pieces) if team is None else team.each(errand, pieces)
            for piece, rows in found:
                if isinstance(rows, BaseException):
                    raise rows
                done += len(piece)
                if tell is not None:
                    tell(done, len(changed))
                yield rows

        self.refreshed = self.index.refresh(read, anew=anew)
        return self.refreshed

    def table(self, *, refresh: bool = True) -> pd.DataFrame:
        """Return one row per session and trial, and one per session without a trial; see `labcapture.corpus.columns`.

        Parameters
        ----------
        refresh
            Whether to look for sessions that are new, changed or gone.
        """
        if refresh:
            self.refresh()
        frame: pd.DataFrame = self.index.table.to_pandas(types_mapper=_PANDAS.get)
        return frame

    def sessions(self, *, refresh: bool = True) -> pd.DataFrame:
        """Return one row per session: the columns of `table` that speak of the session."""
        names = [column.name for column in SESSION]
        return self.table(refresh=refresh).drop_duplicates("folder")[names].reset_index(drop=True)

    def summary(self, rule: counting.ReportRule | None = None, *, refresh: bool = True) -> dict[str, Any]:
        """Return Tables 2 and 3 of CAS(ME)3 for recorded and simulated sessions, apart; see `counting.summary`."""
        return counting.summary(self.table(refresh=refresh), rule)

    def query(self, sql: str) -> pd.DataFrame:
        """Return the answer to a question in SQL, by DuckDB; the table is called ``clips``.

        >>> corpus.query("SELECT part, count(*) FROM clips GROUP BY part")  # doctest: +SKIP

        Raises
        ------
        BadInput
            It is no SQL, or asks for what is not there.
        """
        import duckdb  # noqa: PLC0415 - only for this

        with duckdb.connect() as connection:
            connection.register("clips", self.index.table)
            try:
                answer: pd.DataFrame = connection.sql(sql).df()
            except duckdb.Error as error:
                raise BadInput(str(error), "query", "The table is called clips.") from error
        return answer

    # Work -------------------------------------------------------------------------------------------------------------

    def verify(self, team: Team, tell: Tell | None = None, tries: int = TRIES, *, again: bool = False) -> list[Outcome]:
        """Verify every session.

        What was found whole is noted beside the index, and skipped as long as no file's size or time changes.

        Parameters
        ----------
        team, tell, tries
            As of `campaign.carry_out`.
        again
            Whether to read also what was found whole before: a disk may have lost what no time tells of.
        """
        file = self.index.file.with_name(f"{self.index.file.stem}-verified.jsonl")
        known = {} if again else _verified(file)
        jobs = self._jobs("verify", lambda name: {"known": known.get(name, "")})

        def note(outcome: Outcome, settled: int, total: int) -> None:
            if outcome.state == "done":
                made = {"name": outcome.name, "mark": outcome.facts["mark"], "utc": datetime.now(UTC).isoformat()}
                with suppress(OSError), file.open("a", encoding="utf-8") as stream:  # else it is verified again
                    stream.write(json.dumps(made, ensure_ascii=False) + "\n")
            if tell is not None:
                tell(outcome, settled, total)

        return carry_out(jobs, team, note, tries)

    def recover(self, team: Team, tell: Tell | None = None, tries: int = TRIES) -> list[Outcome]:
        """Recover every session that was not closed in order."""
        return carry_out(self._jobs("recover"), team, tell, tries)

    def transcode(
        self, codec: str, out: str | Path, team: Team, tell: Tell | None = None, tries: int = TRIES
    ) -> list[Outcome]:
        """Write a copy of every session below ``out``, with pictures encoded by ``codec``; copies that are there stay.

        Raises
        ------
        BadInput
            There is no such codec, or ``out`` lies in the corpus.
        """
        encodings.of(codec)
        options = {"codec": codec, "out": str(self.check_target(out))}
        return carry_out(self._jobs("transcode", lambda _: options), team, tell, tries)

    def export(
        self,
        format: str,
        out: str | Path,
        team: Team,
        options: Mapping[str, str] | None = None,
        tell: Tell | None = None,
        tries: int = TRIES,
    ) -> list[Outcome]:
        """Export every session to ``format`` below ``out``; what is there stays.

        Raises
        ------
        BadInput
            There is no such format or option, or ``out`` lies in the corpus.
        """
        from labcapture.export import formats  # noqa: PLC0415 - only for this

        formats.check_names(format, options or {})
        given = {"format": format, "out": str(self.check_target(out)), "options": dict(options or {})}
        return carry_out(self._jobs("export", lambda _: given), team, tell, tries)

    def reroute(
        self,
        rule: QualityRule,
        out: str | Path,
        team: Team,
        links: str | Path | None = None,
        tell: Tell | None = None,
        tries: int = TRIES,
    ) -> list[Outcome]:
        """Hold every session against ``rule``, and write which part each would belong to.

        Parameters
        ----------
        rule
            The other rule.
        out
            CSV that receives the routing; see `rerouting.FIELDS`. Sessions in it that did not change are skipped.
        team, tell, tries
            As of `campaign.carry_out`.
        links
            Folder that receives a link to every session, in a folder per part.

        Raises
        ------
        BadInput
            ``out`` is something else, or cannot be written.
        """
        asked, file = rule.model_dump(mode="json"), Path(out).absolute()
        digest = rerouting.rule_digest(asked)
        had = {name: row for name, row in rerouting.read_routing(file).items() if row["rule_sha256"] == digest}
        rerouting.write_routing(file, had.values())  # whether it can be written is told at once
        jobs = self._jobs("reroute", lambda name: {"rule": asked, "known": had.get(name, {}).get("fingerprint", "")})
        outcomes = carry_out(jobs, team, tell, tries)
        fresh = {found.name: {"folder": found.name, **found.facts} for found in outcomes if found.state == "done"}
        rows = [fresh.get(found.name) or had[found.name] for found in outcomes if found.state != "failed"]
        rerouting.write_routing(file, rows)
        if links is not None:
            rerouting.link(self.root, Path(links).absolute(), rows)
        return outcomes

    def _jobs(self, work: str, options: Callable[[str], Mapping[str, Any]] = lambda _: {}) -> list[Job]:
        names = {folder: folder.relative_to(self.root).as_posix() or "." for folder in folders(self.root)}
        return [
            Job(work, str(folder), folder.name if name == "." else name, options(name))
            for folder, name in names.items()
        ]

    def check_target(self, out: str | Path) -> Path:
        """Return where results go; refuse a place in the corpus, where copies would be taken for its sessions.

        Raises
        ------
        BadInput
            ``out`` lies in the corpus.
        """
        target = Path(out).resolve()
        if target.is_relative_to(self.root):
            raise BadInput("lies in the corpus itself", str(out), "Name a folder outside of it.")
        return target


def _verified(file: Path) -> dict[str, str]:
    """Return the marks of the sessions that were found whole, by name."""
    known: dict[str, str] = {}
    with suppress(OSError):
        for line in file.read_text("utf-8", "replace").splitlines():
            with suppress(ValueError, TypeError, KeyError):
                entry = json.loads(line)
                known[str(entry["name"])] = str(entry["mark"])
    return known

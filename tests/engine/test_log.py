"""The session's log: every line whole, in order, and no one waits for the disk."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from labcapture.engine.log import SessionLog


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_of_many_threads_are_whole_in_order_and_the_early_ones_first(tmp_path: Path) -> None:
    log, path = SessionLog(), tmp_path / "log.jsonl"
    log.info("early", number=0)

    def write(name: str) -> None:
        for number in range(200):
            log.warning("line", name=name, number=number)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    log.open(path)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.error("failed", exc_info=ValueError("why"))
    log.close()
    log.info("too late")
    log.close()
    written = lines(path)
    assert written[0]["event"] == "early"
    assert "ValueError: why" in str(written[-1]["exception"])
    for name in "abcd":
        assert [line["number"] for line in written if line.get("name") == name] == list(range(200))
    assert len(written) == 802


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("of another session\n")
    log = SessionLog()
    with pytest.raises(FileExistsError):
        log.open(path)
    log.close()
    assert path.read_text() == "of another session\n"

"""The session browser: what it finds, how it filters, and what it does with a session; with real processes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import Shiboken

import labcapture.corpus
from benchmarks.faults import victim
from labcapture.console import theme
from labcapture.console.browser import SessionBrowser
from labcapture.console.browser_ledger import VerifiedLedger
from labcapture.console.browser_model import BAD, PARTICIPANT, STARTED, STATE, VERIFIED
from labcapture.console.outcome import OutcomeView
from labcapture.console.window import ConsoleWindow
from labcapture.engine.messages import EngineState
from labcapture.recording.verify import verify
from tests.console.console_cases import RESULT, snapshot
from tests.console.desktop import Opened
from tests.reading.recorded_world import record

_LIMIT_MS = 120_000


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("one"))


@pytest.fixture
def lab(one: Path, tmp_path: Path) -> Path:
    """Return a folder with a real session and 299 of which only the summaries are there."""
    root = tmp_path / "lab"
    shutil.copytree(one, root / one.name)
    facts = json.loads((one / "summary.json").read_text("utf-8"))
    for number in range(299):
        folder = root / f"Q{number:03}_01_20260101T000000Z"
        folder.mkdir()
        started = f"2026-01-01T{number // 60:02}:{number % 60:02}:00+00:00"
        changed = {"participant": f"Q{number:03}", "started_utc": started, "simulated": False}
        (folder / "summary.json").write_text(json.dumps({**facts, **changed}), encoding="utf-8")
        (folder / "checksums").write_text(f"{number:064}  summary.json\n", encoding="utf-8")
    return root


@pytest.fixture
def browser(lab: Path, tmp_path: Path, qtbot: QtBot) -> Iterator[SessionBrowser]:
    made = SessionBrowser(theme.DARK, lab, VerifiedLedger(tmp_path / "verified.jsonl"))
    made.show()
    made.activateWindow()
    _look(made, lab, qtbot)
    yield made
    made.close()
    Shiboken.delete(made)


def _look(browser: SessionBrowser, folder: Path, qtbot: QtBot) -> None:
    browser.look(folder)
    qtbot.waitUntil(lambda: browser.message.text() != "looking …", timeout=_LIMIT_MS)


def _column(browser: SessionBrowser, column: int) -> list[str]:
    model = browser.model
    return [str(model.index(place, column).data()) for place in range(model.rowCount())]


def _press(browser: SessionBrowser, key: Qt.Key, qtbot: QtBot) -> None:
    qtbot.waitUntil(browser.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(browser, key)


def test_all_are_found_newest_first(browser: SessionBrowser, one: Path) -> None:
    assert browser.count.text() == "300 sessions"
    assert browser.selected is not None
    assert browser.selected.folder.name == one.name
    started = _column(browser, STARTED)
    assert started == sorted(started, reverse=True)
    assert set(_column(browser, BAD)) == {"1"}


def test_filter_and_order(browser: SessionBrowser, one: Path, qtbot: QtBot) -> None:
    browser.filter.setFocus()
    QTest.keyClicks(browser.filter, "q29 CLOSED")
    assert _column(browser, PARTICIPANT) == [f"Q{number}" for number in range(298, 289, -1)]
    assert browser.count.text() == "9 of 300 sessions"
    browser.table.sortByColumn(PARTICIPANT, Qt.SortOrder.AscendingOrder)
    assert _column(browser, PARTICIPANT) == [f"Q{number}" for number in range(290, 299)]
    browser.select(browser.model.at(4).folder)
    browser.filter.setText("q294")
    assert browser.selected is not None
    assert browser.selected.participant == "Q294"
    browser.filter.setText("simulated")
    assert [browser.model.at(0).folder.name, browser.model.rowCount()] == [one.name, 1]
    browser.filter.setText("nothing of this kind")
    assert browser.selected is None
    assert not browser.buttons["Report"].isEnabled()


def test_verify_then_report(browser: SessionBrowser, one: Path, lab: Path, opened: Opened, qtbot: QtBot) -> None:
    _press(browser, Qt.Key.Key_V, qtbot)
    assert not browser.buttons["Verify"].isEnabled()
    qtbot.waitUntil(lambda: not browser.chore.busy, timeout=_LIMIT_MS)
    place = browser.model.place_of(lab / one.name)
    assert place is not None
    assert _column(browser, VERIFIED)[place].startswith("whole, 20")
    assert browser.message.text() == f"{one.name} is whole"
    _press(browser, Qt.Key.Key_R, qtbot)
    qtbot.waitUntil(lambda: bool(opened.urls), timeout=_LIMIT_MS)
    report = lab / f"{one.name}.html"
    assert opened.urls == [str(report)]
    assert "Whole: " in report.read_text("utf-8")
    assert verify(lab / one.name).whole
    _press(browser, Qt.Key.Key_O, qtbot)
    assert opened.urls[-1] == str(lab / one.name)


def test_a_changed_session_is_not_whole_nor_remembered_as_verified(
    browser: SessionBrowser, one: Path, lab: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    with (lab / one.name / "log.jsonl").open("a") as file:
        file.write("{}\n")
    _press(browser, Qt.Key.Key_V, qtbot)
    qtbot.waitUntil(lambda: not browser.chore.busy, timeout=_LIMIT_MS)
    assert "is not whole: log.jsonl" in browser.message.text()
    assert _column(browser, VERIFIED)[0].startswith("1 problem")
    assert VerifiedLedger(tmp_path / "verified.jsonl").get(browser.model.at(0).fingerprint) is not None
    with (lab / one.name / "checksums").open("a") as file:
        file.write(f"{0:064}  more\n")
    _look(browser, lab, qtbot)
    assert _column(browser, VERIFIED)[0] == "not yet"


def test_recover_in_the_browser(browser: SessionBrowser, tmp_path: Path, qtbot: QtBot) -> None:
    folder = victim.crash(tmp_path / "crash", 1.0)
    _look(browser, tmp_path / "crash", qtbot)
    assert _column(browser, STATE)[0].startswith("never closed")
    assert browser.buttons["Recover"].isEnabled()
    assert not browser.buttons["Report"].isEnabled()
    _press(browser, Qt.Key.Key_C, qtbot)
    qtbot.waitUntil(lambda: not browser.chore.busy, timeout=_LIMIT_MS)
    assert "was recovered" in browser.message.text()
    qtbot.waitUntil(lambda: _column(browser, STATE)[0].startswith("recovered"), timeout=_LIMIT_MS)
    assert browser.buttons["Report"].isEnabled()
    assert verify(folder).whole


def test_a_folder_that_is_not_there(browser: SessionBrowser, tmp_path: Path, qtbot: QtBot) -> None:
    _look(browser, tmp_path / "nowhere", qtbot)
    assert "no such folder" in browser.message.text()
    assert browser.model.rowCount() == 0
    assert not browser.buttons["Verify"].isEnabled()


def test_closing_ends_what_is_going_on(browser: SessionBrowser, lab: Path, qtbot: QtBot) -> None:
    _press(browser, Qt.Key.Key_V, qtbot)
    assert browser.chore.busy
    browser.look(lab)
    browser.close()
    assert not browser.chore.busy


def test_it_opens_from_the_page_of_a_new_session(window: ConsoleWindow, one: Path, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.IDLE))
    window.form.fill({"out": str(one.parent)})
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_F3)
    qtbot.waitUntil(lambda: window.browser is not None and window.browser.model.total == 1, timeout=_LIMIT_MS)
    assert window.browser is not None
    assert window.browser.isVisible()


def test_safe_is_said_only_after_everything_was_read_back(
    window: ConsoleWindow, one: Path, tmp_path: Path, opened: Opened, qtbot: QtBot
) -> None:
    folder = Path(shutil.copytree(one, tmp_path / one.name))
    result = RESULT.model_copy(update={"folder": str(folder)})
    window.show_snapshot(snapshot(EngineState.IDLE, result=result))
    check = window.outcome.check
    assert check.verdict.text() == "Reading everything back …"
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_H)  # early: it waits for the verification
    qtbot.waitUntil(lambda: bool(opened.urls), timeout=_LIMIT_MS)
    assert check.verdict.text().startswith("Safe: all on disk, read back and whole: 357 frames")
    assert opened.urls == [str(tmp_path / f"{one.name}.html")]
    assert "Whole: " in Path(opened.urls[0]).read_text("utf-8")


def test_a_damaged_session_is_not_called_safe(qapp: QApplication, one: Path, tmp_path: Path, qtbot: QtBot) -> None:
    folder = Path(shutil.copytree(one, tmp_path / one.name))
    (folder / "trials" / "01_a.h5").unlink()
    view = OutcomeView(theme.DARK)
    view.check.begin(folder)
    qtbot.waitUntil(lambda: not view.check.chore.busy, timeout=_LIMIT_MS)
    assert view.check.verdict.text().startswith("Not safe")
    assert "01_a.h5: is missing" in view.check.verdict.text()
    view.check.begin(tmp_path / "elsewhere")
    assert "cannot be seen from here" in view.check.verdict.text()
    view.check.open_report()
    assert "No report" in view.check.message.text()
    Shiboken.delete(view)


def test_export_asks_for_format_and_folder_and_tells_where_the_result_lies(
    browser: SessionBrowser, one: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    _press(browser, Qt.Key.Key_E, qtbot)
    dialog = browser.export_dialog
    assert dialog is not None
    dialog.format.setCurrentText("csv")
    dialog.out.setText(str(tmp_path / "out"))
    dialog.yes.click()
    assert not browser.buttons["Export"].isEnabled()
    qtbot.waitUntil(lambda: not browser.chore.busy, timeout=_LIMIT_MS)
    assert browser.message.text().startswith(f"exported: {tmp_path / 'out'}")
    assert any((tmp_path / "out").rglob("*.csv"))


def test_what_the_index_has_is_shown_and_what_changed_since_is_read(
    browser: SessionBrowser, one: Path, lab: Path, qtbot: QtBot
) -> None:
    corpus = labcapture.corpus.open(lab)
    corpus.refresh()
    shutil.rmtree(lab / "Q000_01_20260101T000000Z")
    changed = lab / "Q001_01_20260101T000000Z" / "summary.json"
    facts = json.loads(changed.read_text("utf-8"))
    changed.write_text(json.dumps({**facts, "participant": "R001"}), encoding="utf-8")
    _look(browser, lab, qtbot)
    assert browser.model.total == 299
    shown = set(_column(browser, PARTICIPANT))
    assert {"R001", "Q002"} <= shown
    assert not {"Q000", "Q001"} & shown

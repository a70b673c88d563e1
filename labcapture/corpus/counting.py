"""Tables 2 and 3 of CAS(ME)3 (Li et al. 2022, section 4), counted for a corpus.

Sessions of simulated instruments are counted apart from recorded ones, never together. What counts as a video is a
trial with at least one colour frame that no later take supersedes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pandas as pd

from labcapture.core.errors import BadInput
from labcapture.corpus.columns import EMOTIONS, WORDS

Choice = Literal["highest", "single", "all"]
PARTS = ("A", "B", "C", "C-unlabelled", "none")
PARADIGMS = {"neutralization": "2nd generation - Neutralization", "mock_crime": "3rd generation - Mock crime"}
_READABLE = ("closed", "recovered")


@dataclass(frozen=True, slots=True)
class ReportRule:
    """When the self-report on a clip counts for an emotion.

    A form that asks for one word counts for that word. Of ratings, those below ``least`` count for nothing. Of the
    others, ``highest`` (the default) counts for the emotion that was rated highest, and for each of those that share
    the highest rating; ``single`` counts for the highest only if it stands alone; ``all`` counts for every one. The
    paper does not print its rule; its 1,718 self-reports on 1,508 videos show that one video may count several times.

    Parameters
    ----------
    choice
        ``highest``, ``single`` or ``all``.
    least
        The least rating that counts: 2 on the form's scale from 1 (none) to 5 (strong).
    """

    choice: Choice = "highest"
    least: float = 2.0

    def __post_init__(self) -> None:
        if self.choice not in get_args(Choice):
            raise BadInput(f"'{self.choice}' is no rule", "--report-rule", f"Write {', '.join(get_args(Choice))}.")

    def __str__(self) -> str:
        of = {
            "highest": "for the emotion rated highest; if several are, for each of them",
            "single": "for the emotion rated highest, if it stands alone",
            "all": "for every emotion that was felt",
        }
        return f"a self-report counts {of[self.choice]}; ratings below {self.least:g} count for none"

    def counted(self, clip: Mapping[str, Any]) -> list[str]:
        """Return the emotions that the self-report in a row of the table counts for."""
        felt = {word: clip[f"felt_{word}"] for word in WORDS if clip[f"felt_{word}"] >= self.least}  # NaN is not
        if not felt:
            chosen = str(clip["felt_most"])
            return [chosen] if chosen in WORDS else []
        if self.choice == "all":
            return list(felt)
        most = [word for word, rating in felt.items() if rating == max(felt.values())]
        return most if self.choice == "highest" or len(most) == 1 else []


def videos(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `table` that are videos: trials with pictures, of sessions that were closed."""
    there = table["trial"].ne("") & table["state"].isin(_READABLE) & ~table["superseded"].fillna(value=False)
    return table[there & (table["color_frames"].fillna(0) > 0)]


def overview(table: pd.DataFrame) -> pd.DataFrame:
    """Return Table 2: a row per part with its paradigms, subjects, videos and lengths, and one for the whole.

    The numbers of expressions, which the paper's table has too, are not known before somebody has coded them.
    """
    found = videos(table)
    rows = [_overview(part, found[found["part"] == part]) for part in PARTS if (found["part"] == part).any()]
    return pd.DataFrame([*rows, _overview("Total", found)])


def _overview(part: str, found: pd.DataFrame) -> dict[str, Any]:
    each = found.groupby("participant")
    count, minutes = each.size(), each["length_s"].sum() / 60
    paradigms = sorted({str(name) for name in found["paradigm"]})
    return {
        "part": part,
        "paradigm": "" if part == "Total" else ", ".join(PARADIGMS.get(name, name) for name in paradigms),
        "subjects": len(count),
        "sessions": int(found["folder"].nunique()),
        "videos": len(found),
        "videos_per_subject_least": int(count.min()) if len(count) else 0,
        "videos_per_subject_most": int(count.max()) if len(count) else 0,
        "minutes_per_subject": float(minutes.mean()) if len(count) else 0.0,
        "hours": float(found["length_s"].sum() / 3600),
        "frames": int(found["color_frames"].sum()),
    }


def emotions(table: pd.DataFrame, rule: ReportRule | None = None) -> pd.DataFrame:
    """Return Table 3 for each part: videos per emotion of the stimulus, self-reports that count for it.

    Columns: part, emotion, stimuli, self_reports. The seven words of the paper always stand in it, others where there
    are any.
    """
    rule = rule or ReportRule()
    found = videos(table)
    rows = []
    for part in PARTS:
        mine = found[found["part"] == part]
        shown = mine["emotion"].value_counts()
        felt = pd.Series(
            [word for clip in mine.to_dict("records") for word in rule.counted(_plain(clip))], dtype=object
        ).value_counts()
        if not shown.drop(["none", "neutral", ""], errors="ignore").sum() + felt.sum():
            continue
        for word in WORDS:
            stimuli, reports = int(shown.get(word, 0)), int(felt.get(word, 0))
            if word in EMOTIONS or stimuli or reports:
                rows.append({"part": part, "emotion": word, "stimuli": stimuli, "self_reports": reports})
    return pd.DataFrame(rows, columns=["part", "emotion", "stimuli", "self_reports"])


def _plain(clip: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): float("nan") if value is pd.NA else value for name, value in clip.items()}


def tally(table: pd.DataFrame) -> dict[str, Any]:
    """Return how many sessions there are, by state, and of how many nothing can be counted."""
    each = table.drop_duplicates("folder")
    states = each["state"].value_counts()
    return {"sessions": len(each), "states": {str(state): int(count) for state, count in states.items()}}


def summary(table: pd.DataFrame, rule: ReportRule | None = None) -> dict[str, Any]:
    """Return both tables of recorded and of simulated sessions, apart, fit for JSON, and a count of unreadable ones."""
    rule = rule or ReportRule()
    known = table["simulated"].notna()
    simulated = table["simulated"].fillna(value=False).astype(bool)
    kinds = {"recorded": table[known & ~simulated], "simulated": table[simulated]}
    return {
        "report_rule": str(rule),
        "unreadable": tally(table[~known]),
        **{
            kind: {
                **tally(rows),
                "table_2": overview(rows).to_dict("records"),
                "table_3": emotions(rows, rule).to_dict("records"),
            }
            for kind, rows in kinds.items()
        },
    }

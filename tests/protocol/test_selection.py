"""Choosing clips by their ratings: the published rule on the published table, and other rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.errors import BadInput
from labcapture.protocol.manifest import Clip, Manifest, Rating, load_manifest
from labcapture.protocol.selection import Rule, select

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table_vi() -> list[Clip]:
    manifest: Manifest = load_manifest(ROOT / "stimuli_manifest.yaml")
    return [clip for clip in manifest.clips if clip.id.startswith("casme_")]


def chosen(clips: list[Clip], rule: Rule) -> list[int]:
    return [int(clip.clip.removeprefix("casme_")) for clip in select(clips, rule) if clip.selected]


def rated(share: float, mean: float, scale: tuple[int, int] = (0, 6), *others: Rating) -> Clip:
    main = Rating(emotion="fear", share=share, mean=mean, scale=scale)
    return Clip(id="clip", file="a.mp4", duration_s=1, emotion="fear", ratings=(main, *others))


def test_published_rule_on_the_published_table(table_vi: list[Clip]) -> None:
    """70 % and above 3.5: of Table VI seven clips remain, none of them fear."""
    assert chosen(table_vi, Rule()) == [2, 5, 7, 13, 14, 16, 17]


def test_every_clip_says_why(table_vi: list[Clip]) -> None:
    reasons = {int(clip.clip[-2:]): clip.reasons for clip in select(table_vi, Rule())}
    assert reasons[1] == (
        "69% of the raters chose amusement, fewer than 70%",
        "mean intensity 3.27, not above 3.5 (scale 0 to 6)",
    )
    assert reasons[3] == ("mean intensity 3.14, not above 3.5 (scale 0 to 6)",)
    assert reasons[11] == ("not rated",)
    assert reasons[14] == ("100% chose sadness, mean 5",)


def test_other_rules(table_vi: list[Clip]) -> None:
    assert chosen(table_vi, Rule(share=0.6, mean=2.5)) == [*range(1, 11), 12, 13, 14, 15, 16, 17]
    assert chosen(table_vi, Rule(share=0.6, margin=0.1)) == [2, 4, 5, 6, 7, 12, 13, 14, 16, 17]
    assert chosen(table_vi, Rule(raters=21)) == []


def test_limits_are_at_least_for_the_share_and_above_for_the_mean() -> None:
    assert select([rated(0.70, 3.51)], Rule())[0].selected
    assert not select([rated(0.70, 3.5)], Rule())[0].selected
    assert not select([rated(0.699, 3.51)], Rule())[0].selected


def test_mean_on_another_scale_is_mapped() -> None:
    (answer,) = select([rated(0.8, 4, (1, 5))], Rule())
    assert answer.mean == pytest.approx(4.5)
    assert answer.selected


@given(st.floats(0, 1), st.floats(1, 9), st.floats(0, 1), st.floats(0, 6), st.floats(0, 1), st.floats(0, 6))
def test_stricter_rule_never_takes_more(
    share: float, mean: float, least: float, above: float, more: float, further: float
) -> None:
    clip = rated(share, mean, (1, 9))
    lax = Rule(share=min(least, more), mean=min(above, further))
    strict = Rule(share=max(least, more), mean=max(above, further))
    assert select([clip], lax)[0].selected >= select([clip], strict)[0].selected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"share": 70}, r"--share: 70 is no share. Write a fraction"),
        ({"margin": -1}, r"--margin: -1 is no share"),
        ({"scale": (6, 0)}, r"--scale: 6 to 0 is no scale"),
    ],
)
def test_wrong_rule_is_told(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Rule(**wrong)  # type: ignore[arg-type] # the wrong types are not the point


def test_the_answer_in_the_docs_is_the_computed_one(table_vi: list[Clip]) -> None:
    page = (ROOT / "docs" / "stimuli.md").read_text(encoding="utf-8")
    for clip in select(table_vi, Rule()):
        answer = "**in**" if clip.selected else "out"
        assert f"| {clip.clip} | {clip.emotion} | {answer} | {'; '.join(clip.reasons)} |\n" in page
    assert {9, 10} <= set(chosen(table_vi, Rule(share=0.6, mean=2.8)))  # "takes both" of fear

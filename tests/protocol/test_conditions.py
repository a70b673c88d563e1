"""Conditions and filled texts: they mean what they say, and nothing in a file is ever run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.protocol.conditions import Condition
from labcapture.protocol.fill import MAX_TEXT, Value, fill, names, stray_brace, substitute

VARIABLES: dict[str, Value] = {
    "outcome": "taken",
    "penalty": 15.0,
    "count": 3,
    "heard": True,
    "minutes": "12",
    "empty": "",
}


@pytest.mark.parametrize(
    "text",
    [
        "outcome == 'taken'",
        "outcome != 'left'",
        "penalty > 10 and count <= 3",
        "not (penalty < 10) or false",
        "outcome in ('taken', 'left')",
        "outcome not in ['left']",
        "'ake' in outcome",
        "1 < count < 5",
        "heard == true",
        "heard",
        "minutes > 9",
        "minutes == 12",
        "penalty > -1",
        "unset != 'x'",
        "not unset",
        "unset not in ('x',)",
        "'a' < outcome",
    ],
)
def test_condition_that_holds(text: str) -> None:
    assert Condition(text).holds(VARIABLES)


@pytest.mark.parametrize(
    "text",
    [
        "outcome == 'left'",
        "unset == 'x'",
        "unset == unset",
        "unset > 1",
        "unset in ('x',)",
        "outcome > 3",
        "outcome < 3",
        "empty",
        "count == 'three'",
        "heard and count > 3",
        "'x' in count",
    ],
)
def test_condition_that_does_not_hold(text: str) -> None:
    assert not Condition(text).holds(VARIABLES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "outcome = 'taken'",
        "outcome ==",
        "__import__('os').system('x')",
        "outcome.upper() == 'TAKEN'",
        "().__class__",
        "9 ** 9 ** 9 > 1",
        "[x for x in outcome]",
        "lambda: 1",
        "outcome is None",
        "f'{outcome}' == 'x'",
        "(outcome := 'x')",
        "count[0]",
        "b'x' == 'x'",
        "1 if count else 2",
        "...",
        "~count",
        "-outcome",
        "(" * 250 + "1" + ")" * 250,
        "not " * 120 + "count",
        "-" * 490 + "1",
    ],
)
def test_anything_else_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"condition|deep") as caught:
        Condition(text)
    assert "\n" not in str(caught.value)


def test_names_are_known_and_may_go_by_others() -> None:
    condition = Condition("fear_q > 2 and outcome == 'taken' and true", {"fear_q": "fear_a_q"})
    assert condition.names == {"fear_q", "outcome"}
    assert condition.holds({"fear_a_q": 3, "outcome": "taken"})
    assert not condition.holds({"fear_q": 3, "outcome": "taken"})


@given(
    text=st.text(max_size=60)
    | st.lists(
        st.sampled_from(["a", "b", "'x'", "1", "==", "<", "in", "not", "and", "or", "(", ")", ",", "[", "]", "-"]),
        max_size=14,
    ).map(" ".join)
)
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = Condition(text)
    except ValueError:
        return
    assert condition.holds({"a": 1, "b": "x"}) in {True, False}


def test_only_names_in_braces_are_replaced() -> None:
    assert fill("{who} gets {pay}, {{not}} {Who} {0} {who.x} {", {"who": "Li", "pay": 85.0}) == (
        "Li gets 85, {not} {Who} {0} {who.x} {"
    )
    assert fill("{late}", {}) == "–"
    assert fill("{a}", {"a": "{b}", "b": "never"}) == "{b}"  # what a person typed is not looked into
    assert names("{a} {{b}} {c}") == {"a", "c"}
    assert stray_brace("{Who}")
    assert not stray_brace("{{Who}} {who}")


@given(text=st.text(alphabet="{}ab ", max_size=40), value=st.text(alphabet="{}ab", max_size=5))
def test_filling_in_two_turns_is_filling_in_one(text: str, value: str) -> None:
    doubled = value.replace("{", "{{").replace("}", "}}")
    assert fill(substitute(text, {"a": doubled}), {"b": 2}) == fill(text, {"a": value, "b": 2})


def test_a_word_is_taken_in_the_language_of_its_text() -> None:
    values = {"word": {"en": "dog", "zh": "狗"}, "n": 3}
    assert substitute({"en": "The {word}", "zh": "{word}"}, values) == {"en": "The dog", "zh": "狗"}
    assert substitute({"": "{n} {word}"}, values) == {"en": "3 dog", "zh": "3 狗"}
    assert substitute({"": "{n}"}, values) == {"": "3"}
    assert substitute("{word} {later}", values) == "dog {later}"


def test_texts_do_not_grow_without_end() -> None:
    assert len(fill("{a}" * 10_000, {"a": "x" * 10_000})) == MAX_TEXT
    with pytest.raises(ValueError, match="grows beyond"):
        substitute("{a}" * 10_000, {"a": "x" * 10_000})

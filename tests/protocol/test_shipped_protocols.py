"""The shipped protocols against what the papers say, and against what a lab needs of them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from labcapture.protocol.allocation import allocate
from labcapture.protocol.manifest import load_manifest
from labcapture.protocol.model import Protocol, load_protocol, texts
from labcapture.protocol.plan import Plan, expected_lengths, make_plan
from labcapture.protocol.steps import Assign, Choice, Form, Image, Instruction, Leaf, Movie, Question, Rating, Review
from labcapture.protocol.tree import leaves

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "protocols").glob("*.yaml"))
MANIFEST = load_manifest(ROOT / "stimuli_manifest.yaml")
EMOTIONS = {clip.id: clip.emotion for clip in MANIFEST.clips}
PROTOCOLS = {path.stem: load_protocol(path) for path in FILES}

# CAS(ME)3 Part C: each detail with its six alternatives.
ALTERNATIVES = {
    "table": "an envelope, an archive box, a folder, a book, a notebook, printing paper",
    "code": "163, 267, 320, 450, 564, 608",
    "suitcase": "a pencil, glue, a pair of gloves, a key, a face mask, toothpaste",
    "cube": "a triangle, a heart, a five-pointed star, an arrow, a rectangle, a circle",
    "cupboard": "a wash basin, a bucket, a computer, a dumbbell, a chair, a carton",
    "top_drawer": "a torch, a glasses case, a USB stick, a nail clipper, a charger, cold medicine",
    "on_money": "a bank card, a lens cloth, a mouse, a train ticket, a tissue, a tape measure",
    "amount": "30 yuan, 100 yuan, 130 yuan, 200 yuan, 205 yuan, 235 yuan",
    "wall": "a computer bag, a handbag, a cleaning cloth, a hair band, an umbrella, a coat",
}


def plan(name: str, place: int = 0) -> Plan:
    return make_plan(PROTOCOLS[name], participant=f"P{place:03d}", seed=7, place=place, emotions=EMOTIONS)


def steps(name: str, place: int = 0) -> list[Leaf]:
    return [planned.step for planned in plan(name, place).steps]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_stimulus_is_in_the_manifest(name: str) -> None:
    protocol = PROTOCOLS[name]
    assert {MANIFEST.clip(clip).kind for clip in protocol.clips} <= {"movie"}
    assert {MANIFEST.clip(image).kind for image in protocol.images} <= {"image"}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_text_is_there_in_english_and_chinese(name: str) -> None:
    protocol: Protocol = PROTOCOLS[name]
    for step in leaves(protocol.steps):
        for text in texts(step):
            assert set(text) == {"en", "zh"}, step.id
            assert not re.search("[\u3400-\u9fff]", text["en"]), text["en"]
            braces = set(re.findall(r"\{\w+\}", text["en"]))
            assert braces == set(re.findall(r"\{\w+\}", text["zh"])), step.id
            if re.sub(r"\{\w+\}|[\s?？]", "", text["en"]):  # more than what a loop puts in
                assert re.search("[\u3400-\u9fff]", text["zh"]), text["zh"]


@pytest.mark.parametrize(
    ("name", "minutes"),
    [("neutralization_casme3", (32, 60)), ("neutralization_casme", (60, 130)), ("perception_2d3d", (10, 40))],
)
def test_session_takes_a_sensible_time(name: str, minutes: tuple[int, int]) -> None:
    seconds = sum(expected_lengths(plan(name), {clip.id: clip.duration_s for clip in MANIFEST.clips}))
    assert minutes[0] < seconds / 60 < minutes[1]


@pytest.mark.parametrize(("name", "count"), [("neutralization_casme3", 13), ("neutralization_casme", 17)])
@pytest.mark.parametrize("place", range(5))
def test_all_clips_are_shown_once_and_no_emotion_twice_in_a_row(name: str, count: int, place: int) -> None:
    clips = [step.clip for step in steps(name, place) if isinstance(step, Movie)]
    series = name.removeprefix("neutralization_")
    assert sorted(clips) == sorted(clip.id for clip in MANIFEST.clips if clip.id.startswith(f"{series}_"))
    assert len(clips) == count
    shown = [EMOTIONS[clip] for clip in clips]
    assert all(one != next_ for one, next_ in itertools.pairwise(shown))


def test_order_differs_between_participants() -> None:
    orders = {tuple(s.id for s in steps("neutralization_casme3", place) if isinstance(s, Movie)) for place in range(5)}
    assert len(orders) == 5


def test_casme3_calibrates_before_each_clip_and_asks_and_rests_after_it() -> None:
    """Li et al. 2022, section 4.2.1; the clips are a to m as in the released folders."""
    session = plan("neutralization_casme3").steps
    kinds = [planned.step.kind for planned in session]
    assert kinds == ["consent", "instruction", *["calibrate", "movie", "form", "break"] * 13, "instruction"]
    assert {p.step.clip: p.label for p in session if isinstance(p.step, Movie)} == {
        f"casme3_{letter}": letter for letter in "abcdefghijklm"
    }
    assert all(p.recording == p.step.id for p in session if isinstance(p.step, Movie))


def test_casme3_asks_the_differential_emotions_scale() -> None:
    for form in (step for step in steps("neutralization_casme3") if isinstance(step, Form)):
        questions = [question for question in form.questions if isinstance(question, Rating)]
        assert {q.id for q in questions} == {"happiness", "sadness", "disgust", "fear", "surprise", "anger"}
        assert {q.scale for q in questions} == {(1, 5)}
        assert {q.labels[0]["en"] for q in questions if q.labels} == {"none"}
        assert {q.labels[1]["en"] for q in questions if q.labels} == {"strong"}
        assert form.layout == "grid"


def test_casme3_instruction_is_the_published_one() -> None:
    task = next(step for step in steps("neutralization_casme3") if isinstance(step, Instruction))
    for word in ("neutral", "suppress it at once", "still"):
        assert word in task.text["en"]


def test_casme_deducts_5_rmb_and_debriefs_with_the_real_pay() -> None:
    """Yan et al. 2013, section III B."""
    protocol = PROTOCOLS["neutralization_casme"]
    assert protocol.ledger is not None
    assert (protocol.ledger.change, protocol.ledger.currency, protocol.ledger.mark) == (-5, "RMB", "expression")
    told = [step for step in steps("neutralization_casme") if isinstance(step, Instruction)]
    task, debriefing = told[0], told[-2]
    assert "5 RMB are deducted" in task.text["en"]
    assert "success" in task.text["en"]
    assert "screen" in task.text["en"]
    for text in debriefing.text.values():
        assert "{real_pay}" in text
        assert "{pay}" in text
    assert protocol.variables["real_pay"] == protocol.ledger.start  # nobody loses by it
    assert isinstance(protocol.instances[-2].step, Form)  # may the recordings be used, now that all is known?


def test_casme_reviews_each_clip_just_shown() -> None:
    order = [step for step in steps("neutralization_casme") if isinstance(step, Movie | Review)]
    assert len(order) == 34
    for movie, review in zip(order[::2], order[1::2], strict=True):
        assert isinstance(movie, Movie)
        assert isinstance(review, Review)
        assert review.about == movie.id


def test_mock_crime_asks_nine_groups_of_seven() -> None:
    """CAS(ME)3 Part C: the details and alternatives, each group opened by its picture, one question personal."""
    session = steps("mock_crime")
    asked = [s for s in session if isinstance(s, Question) and s.role != "opening"]
    groups = [asked[start : start + 7] for start in range(0, 63, 7)]
    assert len(asked) == 63
    assert [group[0].group for group in groups] == list(ALTERNATIVES)
    for group in groups:
        assert {question.group for question in group} == {group[0].group}
        words = [q.item for q in group if q.role == "item"]
        assert sorted(words) == sorted(ALTERNATIVES[group[0].group].split(", "))
        assert [q.expected for q in group if q.role == "item"] == ["no"] * 6
        assert [q.expected for q in group if q.role == "attention"] == ["yes"]
        before = session[session.index(group[0]) - 1]
        assert isinstance(before, Image)
        assert before.image == group[0].image == f"crime_{group[0].group}"
    personal = [q.text["en"] for q in asked if q.role == "attention"]
    published = ["male", "Beijing", "student", "listening", "smartphone", "Chinese", "water", "your name", "chopsticks"]
    assert len(set(personal)) == 9
    assert all(word in question for word, question in zip(published, personal, strict=True))


def test_mock_crime_personal_question_moves() -> None:
    places = Counter[int]()
    for place in range(30):
        asked = [s for s in steps("mock_crime", place) if isinstance(s, Question) and s.role != "opening"]
        places.update(number % 7 for number, question in enumerate(asked) if question.role == "attention")
    assert set(places) == set(range(7))
    assert max(places.values()) < 3 * min(places.values())


def test_mock_crime_runs_in_the_published_order_as_one_trial() -> None:
    session = plan("mock_crime").steps
    recorded = [p.step.id for p in session if p.recording == "interview"]
    assert recorded[:4] == ["name", "took", "so_long", "answer_rule"]
    assert recorded[-4:] == ["stay", "accuse", "accuse_innocent", "accuse_guilty"]
    assert {p.recording for p in session} == {None, "interview"}
    lengths = dict(zip([p.step.id for p in session], expected_lengths(plan("mock_crime"), {}), strict=True))
    minutes = (sum(lengths[step] for step in recorded) - lengths["accuse_guilty"]) / 60
    assert 7 < minutes < 12  # "about 8 minutes"


def test_mock_crime_hides_the_outcome_until_the_interview_is_over() -> None:
    session = steps("mock_crime")
    assigns = {step.id: step for step in session if isinstance(step, Assign)}
    places = {step.id: place for place, step in enumerate(session)}
    for name in ("draw", "outcome"):
        assert assigns[name].variable == "outcome"
        assert assigns[name].hidden_until == "reveal"
    assert assigns["outcome"].by == "assistant"
    assert places["outcome"] < places["name"] < places["accuse_guilty"] < places["reveal"]
    shown = [text for step in session[: places["reveal"]] for text in texts(step)]
    assert not any("{outcome}" in words for text in shown for words in text.values())


def test_mock_crime_accusation_is_balanced_within_the_outcome() -> None:
    accuse = next(s for s in steps("mock_crime") if isinstance(s, Assign) and s.variable == "accusation")
    history: list[dict[str, str]] = []
    for number in range(61):
        outcome = "taken" if number % 3 == 0 else "not_taken"
        value = allocate(accuse, history=history, variables={"outcome": outcome}, seed=number)
        history.append({"outcome": outcome, "accusation": value})
        counts = Counter((row["outcome"], row["accusation"]) for row in history)
        for known in ("taken", "not_taken"):
            assert abs(counts[known, "innocent"] - counts[known, "guilty"]) <= 1


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        (r"isi: \[6, 8\]", "isi: [16, 20]"),
        (r"repeat: 1 ", "repeat: 5 "),
        (r'buffer: ""', "buffer: a"),
        (r"design: free", "design: assigned"),
        (r"id: a, role: item, word: {en: an envelope", "id: a, role: probe, word: {en: an envelope"),
    ],
)
def test_mock_crime_settings_are_one_line_each(tmp_path: Path, line: str, setting: str) -> None:
    text = (ROOT / "protocols" / "mock_crime.yaml").read_text(encoding="utf-8")
    changed, count = re.subn(line, setting, text)
    assert count == 1
    (tmp_path / "mine.yaml").write_text(changed, encoding="utf-8")
    load_protocol(tmp_path / "mine.yaml")


def test_mock_crime_for_skin_conductance(tmp_path: Path) -> None:
    """Five repetitions, a buffer first in each, 16 to 20 s from question to question."""
    text = (ROOT / "protocols" / "mock_crime.yaml").read_text(encoding="utf-8")
    text = text.replace("isi: [6, 8]", "isi: [16, 20]").replace("repeat: 1 ", "repeat: 5 ")
    (tmp_path / "slow.yaml").write_text(text.replace('buffer: ""', "buffer: a"), encoding="utf-8")
    slow = make_plan(load_protocol(tmp_path / "slow.yaml"), participant="P1", seed=1)
    asked = [p.step for p in slow.steps if isinstance(p.step, Question) and p.step.role != "opening"]
    assert len(asked) == 9 * 7 * 5
    assert {question.isi for question in asked} == {(16, 20)}
    first = [asked[number].id for number in range(0, len(asked), 7)]
    assert all(re.fullmatch(r"ask_[a-z_]+_a(_r\d)?", question) for question in first), first


def test_perception_has_practice_and_trials_in_both_views() -> None:
    """Li et al. 2022, section 3.1.3."""
    for place in range(4):
        session = steps("perception_2d3d", place)
        movies = [step for step in session if isinstance(step, Movie)]
        views = [clip.clip.split("_")[1] for clip in movies]
        first = ["flat", "stereo"][place % 2]
        assert views == [first] * 33 + [{"flat": "stereo", "stereo": "flat"}[first]] * 33
        assert all(clip.start == "participant" and not clip.record for clip in movies)
        for half in (movies[:33], movies[33:]):
            assert all("practice" in clip.clip for clip in half[:3])
            assert len({clip.clip for clip in half[3:]}) == 30
            assert not any("practice" in clip.clip for clip in half[3:])


def test_perception_asks_valence_type_and_intensity_of_each_clip() -> None:
    session = steps("perception_2d3d")
    for movie, form in itertools.pairwise(session):
        if isinstance(movie, Movie):
            assert isinstance(form, Form)
            assert form.about == movie.id
            assert [question.id for question in form.questions] == ["valence", "type", "intensity"]
            kinds = form.questions[1]
            assert isinstance(kinds, Choice)
            assert len(kinds.options) == 6


def test_every_kind_of_step_can_be_tried() -> None:
    kinds = {step.kind for step in steps("every_step")}
    every = {kind for member in Leaf.__args__ for kind in member.model_fields["kind"].annotation.__args__}
    assert kinds == every

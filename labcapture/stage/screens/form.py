"""Questions that the participant answers, one a screen or side by side."""

from __future__ import annotations

from labcapture.protocol.steps import Choice, Form, FormQuestion, Number, Rating, WrittenText
from labcapture.stage.canvas import Canvas, Flip
from labcapture.stage.messages import Answer
from labcapture.stage.pages.base import Page
from labcapture.stage.pages.choice import ChoicePage
from labcapture.stage.pages.grid import GridPage
from labcapture.stage.pages.rating import RatingPage
from labcapture.stage.pages.written import NumberPage, TextPage
from labcapture.stage.screens.base import Context, Screen

_REACTION_MEDIAN_S = 0.9  # of an autopilot's answers, log-normal
_REACTION_SPREAD = 0.25
_REACTION_LEAST_S = 0.4


class FormScreen(Screen):
    """Shows page after page; what was chosen can be changed until it is confirmed.

    An answer's time is that of its confirmation, in a grid that of its last choice.
    """

    pointer = True

    def __init__(self, step: Form, context: Context) -> None:
        self._step, self._context = step, context
        self._pages = _pages(step, context.canvas)
        self._current = 0
        self._onset: float | None = None  # of the present page
        self._pilot_s: float | None = None  # after the onset

    def draw(self, expected: float) -> None:
        """Draw the present page."""
        self._pages[self._current].draw()

    def flipped(self, flip: Flip) -> bool:
        """Go on to the next page once the present one is answered."""
        page, pilot = self._pages[self._current], self._context.pilot
        if self._onset is None:
            self._onset = flip.time
            for question in page.questions:
                self._context.mark(f"question_onset/{question}", flip.time)
            if pilot is not None:
                each = _REACTION_LEAST_S + _REACTION_MEDIAN_S * pilot.lognormvariate(0, _REACTION_SPREAD)
                self._pilot_s = self._context.waiting(each * len(page.questions))
        if pilot is not None and self._pilot_s is not None and flip.time >= self._onset + self._pilot_s:
            page.answer_by(pilot, flip.time)
            page.confirm(flip.time)
        if page.answers is None:
            return False
        for question, value, time in page.answers:
            self._context.mark(f"answer/{question}", time)
            self._context.send(
                Answer(
                    step=self._step.id,
                    question=question,
                    value=value,
                    time=time,
                    reaction_time=max(0.0, time - self._onset),  # it may be chosen while the run is held
                    by="participant" if pilot is None else "autopilot",
                )
            )
        self._current, self._onset = self._current + 1, None
        if self._current < len(self._pages):
            return False
        self._current -= 1  # nothing is drawn any more, but a hold would
        return True

    def go_on(self, seconds: float) -> None:
        """Do not count the time of a hold as reaction time."""
        if self._onset is not None:
            self._onset += seconds

    def key(self, name: str, time: float) -> None:
        """Hand the key to the page."""
        if self._is_awake:
            self._pages[self._current].key(name, time)

    def text(self, characters: str) -> None:
        """Hand written characters to the page."""
        if self._is_awake:
            self._pages[self._current].text(characters)

    def click(self, x: float, y: float, time: float) -> None:
        """Hand the click to the page."""
        if self._is_awake:
            self._pages[self._current].click(x, y, time)

    @property
    def _is_awake(self) -> bool:
        return self._onset is not None and self._context.pilot is None


def _pages(step: Form, canvas: Canvas) -> list[Page]:
    ratings = [question for question in step.questions if isinstance(question, Rating)]
    if step.layout == "grid":
        return [GridPage(ratings, "", canvas)]
    of = len(step.questions)
    return [_page(question, f"{n} / {of}", canvas) for n, question in enumerate(step.questions, start=1)]


def _page(question: FormQuestion, progress: str, canvas: Canvas) -> Page:
    match question:
        case Rating():
            return RatingPage(question, progress, canvas)
        case Choice():
            return ChoicePage(question, progress, canvas)
        case WrittenText():
            return TextPage(question, progress, canvas)
        case Number():
            return NumberPage(question, progress, canvas)

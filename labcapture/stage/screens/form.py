"""Rating scales, one question a screen."""

from __future__ import annotations

from labcapture.protocol.steps import Form, Rating
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, INK, LIT, SMALL, TEXT_HEIGHT, Canvas, Flip
from labcapture.stage.messages import Answer
from labcapture.stage.screens.base import Context, Screen

_SCALE_Y = -0.09
_LABEL_Y = -0.215
_BUTTON_Y = -0.34
_BUTTON = (0.34, 0.085)
_REACTION_MEDIAN_S = 0.9  # of an autopilot's answers, log-normal
_REACTION_SPREAD = 0.25
_REACTION_LEAST_S = 0.4


class FormScreen(Screen):
    """Shows the questions; a point is chosen with a digit, the arrow keys or the mouse, and then confirmed.

    An answer's time is that of its confirmation; until then the choice can be changed.
    """

    pointer = True

    def __init__(self, step: Form, context: Context) -> None:
        self._step, self._context = step, context
        self._pages = [
            _Page(q, n, len(step.questions), context.canvas)
            for n, q in enumerate((q for q in step.questions if isinstance(q, Rating)), start=1)
        ]
        self._current = 0
        self._onset: float | None = None  # of the present question
        self._pilot: tuple[float, int] | None = None  # seconds after the onset, point

    def draw(self, expected: float) -> None:
        """Draw the present question."""
        self._pages[self._current].draw()

    def flipped(self, flip: Flip) -> bool:
        """Go on to the next question once the present one is answered."""
        page = self._pages[self._current]
        if self._onset is None:
            self._onset = flip.time
            self._context.mark(f"question_onset/{page.question.id}", flip.time)
            self._plan(page.question)
        if self._pilot is not None and flip.time >= self._onset + self._pilot[0]:
            page.choose(self._pilot[1])
            page.confirm(flip.time)
        if page.answered is None:
            return False
        value, time = page.answered
        self._context.mark(f"answer/{page.question.id}", time)
        self._context.send(
            Answer(
                step=self._step.id,
                question=page.question.id,
                value=value,
                time=time,
                reaction_time=time - self._onset,
                by="participant" if self._context.pilot is None else "autopilot",
            )
        )
        if self._current + 1 == len(self._pages):
            return True
        self._current, self._onset = self._current + 1, None
        return False

    def go_on(self, seconds: float) -> None:
        """Do not count the time of a hold as reaction time."""
        if self._onset is not None:
            self._onset += seconds

    def key(self, name: str, time: float) -> None:
        """Choose with digits and arrows, confirm with enter or the space bar."""
        if self._onset is None or self._context.pilot is not None:
            return
        page = self._pages[self._current]
        digit = name.removeprefix("NUM_").removeprefix("_")
        if digit.isdecimal():
            page.choose(int(digit))
        elif name in {"LEFT", "RIGHT"}:
            page.step(-1 if name == "LEFT" else 1)
        elif name in {"RETURN", "ENTER", "NUM_ENTER", "SPACE"}:
            page.confirm(time)

    def click(self, x: float, y: float, time: float) -> None:
        """Choose and confirm with the mouse."""
        if self._onset is not None and self._context.pilot is None:
            self._pages[self._current].click(x, y, time)

    def _plan(self, question: Rating) -> None:
        pilot = self._context.pilot
        if pilot is not None:
            seconds = _REACTION_LEAST_S + _REACTION_MEDIAN_S * pilot.lognormvariate(0, _REACTION_SPREAD)
            self._pilot = seconds, pilot.randint(*question.scale)


class _Page:
    """One question: its words, the points of its scale, and the choice so far."""

    def __init__(self, question: Rating, number: int, of: int, canvas: Canvas) -> None:
        self.question = question
        self.answered: tuple[int, float] | None = None  # point, LSL time
        self._choice: int | None = None
        first, last = question.scale
        points = range(first, last + 1)
        self._spacing = min(0.17, canvas.width * 0.8 / len(points))
        self._radius = self._spacing * 0.36
        left = -self._spacing * (len(points) - 1) / 2
        self._places = {point: (left + self._spacing * i, _SCALE_Y) for i, point in enumerate(points)}
        self._discs = {point: canvas.disc(place, self._radius) for point, place in self._places.items()}
        size = min(TEXT_HEIGHT, self._radius)
        self._numbers = {point: canvas.text(str(point), place, size) for point, place in self._places.items()}
        self._words = [canvas.text(f"{number} / {of}", (0, 0.42), SMALL, FAINT), canvas.text(question.text, (0, 0.17))]
        self._words.append(canvas.text(words.CHOOSE, (0, -0.45), SMALL, FAINT))
        for label, point in zip(question.labels or (), question.scale, strict=False):
            place = self._places[point][0], _LABEL_Y
            self._words.append(canvas.text(label, place, SMALL, wrap=max(0.3, self._spacing * 2)))
        self._button = canvas.box((0, _BUTTON_Y), _BUTTON)
        self._confirm = canvas.text(words.CONFIRM, (0, _BUTTON_Y), SMALL)
        self._all = [*self._discs.values(), *self._numbers.values(), self._button, self._confirm, *self._words]
        self._light()

    def choose(self, point: int) -> None:
        """Choose ``point``, if the scale has it."""
        if point in self._places and point != self._choice:
            self._choice = point
            self._light()

    def step(self, by: int) -> None:
        """Move the choice; the first move begins in the middle of the scale."""
        first, last = self.question.scale
        self.choose((first + last) // 2 if self._choice is None else self._choice + by)

    def confirm(self, time: float) -> None:
        """Take the choice as the answer, once."""
        if self._choice is not None and self.answered is None:
            self.answered = self._choice, time

    def click(self, x: float, y: float, time: float) -> None:
        """Choose the point, or press the button, at ``x``, ``y``."""
        for point, place in self._places.items():
            if max(abs(x - place[0]), abs(y - place[1])) <= self._spacing / 2:  # the whole cell is the target
                self.choose(point)
        if abs(x) <= _BUTTON[0] / 2 and abs(y - _BUTTON_Y) <= _BUTTON[1] / 2:
            self.confirm(time)

    def draw(self) -> None:
        """Draw the question with the choice lit."""
        for stimulus in self._all:
            stimulus.draw()

    def _light(self) -> None:
        """Light the choice, and the button once there is one; not at every flip, for a new colour is a new layout."""
        for point, disc in self._discs.items():
            disc.fillColor = LIT if point == self._choice else None
        ready = self._choice is not None
        self._button.fillColor = LIT if ready else None
        self._button.lineColor = LIT if ready else FAINT
        self._confirm.color = INK if ready else FAINT

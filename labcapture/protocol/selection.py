"""Which clips are fit to elicit their emotion: the raters' word, and how strongly they felt it.

The rule of the CASME series: at least 70 % of the raters chose the emotion word, and the mean intensity is above 3.5
(Li et al. 2022, after Yan et al. 2013).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labcapture.core.errors import BadInput
from labcapture.protocol.manifest import Clip, Rating

_ROUNDING = 1e-9  # of shares and means, which are decimal fractions


@dataclass(frozen=True, slots=True)
class Rule:
    """What a clip's ratings must reach.

    Parameters
    ----------
    share
        Least share of the raters that chose the clip's word.
    mean
        The mean intensity must be *above* this value, on ``scale``.
    scale
        First and last point of the scale that ``mean`` is meant on; ratings on another one are mapped onto it linearly.
    margin
        By how much the share must exceed that of the clip's second word.
    raters
        Least number of raters; a rating that does not name its raters fails it if it is above 0.
    """

    share: float = 0.70
    mean: float = 3.5
    scale: tuple[float, float] = (0, 6)
    margin: float = 0.0
    raters: int = 0

    def __post_init__(self) -> None:
        """Refuse what no clip could ever meet or miss.

        Raises
        ------
        BadInput
            A share or margin is not from 0 to 1, or the scale has no length.
        """
        for name, value in (("--share", self.share), ("--margin", self.margin)):
            if not 0 <= value <= 1:
                raise BadInput(f"{value:g} is no share", name, "Write a fraction from 0 to 1, such as 0.7.")
        if not self.scale[0] < self.scale[1]:
            raise BadInput(
                f"{self.scale[0]:g} to {self.scale[1]:g} is no scale", "--scale", "Write its ends: --scale 0 6."
            )


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule says of a clip.

    ``mean`` is on the rule's scale; ``share`` and ``mean`` are None for a clip that was not rated. ``reasons`` says why
    it is in, or every limit that it misses.
    """

    clip: str
    emotion: str
    share: float | None
    mean: float | None
    selected: bool
    reasons: tuple[str, ...]


def select(clips: Iterable[Clip], rule: Rule) -> list[Judged]:
    """Judge each clip by the rating of its own word, in the order given."""
    return [_judge(clip, rule) for clip in clips]


def _judge(clip: Clip, rule: Rule) -> Judged:
    if not clip.ratings:
        return Judged(clip.id, clip.emotion, None, None, False, ("not rated",))
    main, *others = clip.ratings
    mean = _on_scale(main, rule)
    low, high = rule.scale
    misses: list[str] = []
    if main.share < rule.share - _ROUNDING:
        misses.append(f"{main.share:.0%} of the raters chose {main.emotion}, fewer than {rule.share:.0%}")
    if mean <= rule.mean + _ROUNDING:
        misses.append(f"mean intensity {mean:.4g}, not above {rule.mean:g} (scale {low:g} to {high:g})")
    second = max(others, key=lambda rating: rating.share, default=None)
    if rule.margin > 0 and second is not None and main.share - second.share < rule.margin - _ROUNDING:
        misses.append(f"{second.emotion} is only {main.share - second.share:.0%} behind")
    if rule.raters > (main.raters or 0):
        misses.append(
            f"{main.raters if main.raters is not None else 'unknown number of'} raters, fewer than {rule.raters}"
        )
    met = (f"{main.share:.0%} chose {main.emotion}, mean {mean:.4g}",)
    return Judged(clip.id, clip.emotion, main.share, mean, not misses, tuple(misses) or met)


def _on_scale(rating: Rating, rule: Rule) -> float:
    (low, high), (first, last) = rule.scale, rating.scale
    if (low, high) == (first, last):
        return rating.mean  # as published, without rounding
    return low + (rating.mean - first) / (last - first) * (high - low)

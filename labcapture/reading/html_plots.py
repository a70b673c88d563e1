"""Plots as inline SVG, drawn by the page's own colours: they follow its light and dark, and need no library."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from labcapture.reading.html_parts import Markup, clock, el, join
from labcapture.reading.overview import Clip, ClockTrace, GapMark, Trace

Array = NDArray[np.float64]

WIDTH = 1000
_LEFT, _RIGHT, _TOP, _FOOT = 78, 8, 18, 20
_MOST_MARKS = 2000
_TALL = 96  # of a signal's drawing area


def _svg(height: float, title: str, *content: object) -> Markup:
    return el(
        "svg",
        el("title", title),
        *content,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


def _place(start: float, stop: float, seconds: float) -> float:
    share = (seconds - start) / max(stop - start, 1e-9)
    return round(_LEFT + min(max(share, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT), 2)


def _axis(start: float, stop: float, origin: float, y: float) -> Iterator[Markup]:
    """Yield ticks and their times (after ``origin``) below ``y``."""
    length = stop - start
    if not 0 < length < 1e7:
        return
    step = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800) if length / step <= 14), 3600)
    step = max(step, 3600 * math.ceil(length / 14 / 3600)) if step == 3600 else step
    for index in range(math.ceil((start - origin) / step), math.floor((stop - origin) / step) + 1):
        x = _place(start, stop, origin + index * step)
        yield el("line", x1=x, x2=x, y1=y, y2=y + 4, class_="axis")
        yield el("text", clock(index * step), x=x, y=y + 16, class_="tick", text_anchor="middle")


def time_line(clip: Clip, length: float, streams: Sequence[str]) -> Markup:
    """Draw a clip: a bar per stream, with what is missing of it, and below when the film ran."""
    row, bar = 24, 14
    content: list[Markup] = []
    for line, name in enumerate(streams):
        y = 4 + row * line
        content.append(el("text", name, x=_LEFT - 8, y=y + 11, class_="name", text_anchor="end"))
        content.append(el("rect", x=_LEFT, y=y, width=WIDTH - _LEFT - _RIGHT, height=bar, class_="whole"))
        content += [_gap(gap, length, y, bar) for gap in list(clip.gaps.get(name, ()))[:_MOST_MARKS]]
    y = 4 + row * len(streams)
    if clip.film is not None:
        x, end = (_place(0, length, seconds) for seconds in clip.film)
        content.append(el("text", "film", x=_LEFT - 8, y=y + 8, class_="name", text_anchor="end"))
        content.append(el("rect", x=x, y=y + 2, width=max(1, end - x), height=5, class_="film"))
    y += 14
    return _svg(y + _FOOT, "what is missing of the clip", *content, *_axis(0, length, 0, y))


def _gap(gap: GapMark, length: float, y: float, height: float) -> Markup:
    x, end = _place(0, length, gap.start), _place(0, length, gap.stop)
    what = "slow step" if gap.cause == "slow" else f"{gap.count} missing: {gap.cause.replace('_', ' ')}"
    title = el("title", f"{what}, {gap.start:.3f} to {gap.stop:.3f} s")
    kind = "slow" if gap.cause == "slow" else "gap"
    return el("rect", title, x=x, y=y, width=round(max(2.0, end - x), 2), height=height, class_=kind)


def signal(
    trace: Trace,
    clips: Iterable[tuple[str, float, float]],
    marks: Iterable[tuple[float, str]],
    *,
    full_scale: bool,
) -> Markup:
    """Draw one channel over the session, with the clips (name, start, stop) behind it and marks (time, label) on it."""
    known = np.isfinite(trace.low)
    least, most = (float(trace.low[known].min()), float(trace.high[known].max())) if known.any() else (0.0, 1.0)
    if full_scale:
        most = max(abs(least), abs(most), 1e-4)
        least = -most
    elif most - least < 1e-12 * max(1.0, abs(most)):
        least, most = least - 0.5, most + 0.5
    bottom = _TOP + _TALL
    content: list[Markup] = []
    for name, start, stop in clips:
        x, end = (_place(trace.start, trace.stop, time) for time in (start, stop))
        content.append(el("rect", x=x, y=_TOP, width=max(1, end - x), height=_TALL, class_="clip"))
        content.append(el("text", _fitting(name, end - x), x=x + 3, y=_TOP - 5, class_="tick"))
    for time, label in list(marks)[:_MOST_MARKS]:
        x = _place(trace.start, trace.stop, time)
        hint = el("title", f"{clock(time - trace.start)} {label}")
        content.append(el("line", hint, x1=x, x2=x, y1=_TOP, y2=bottom, class_="mark"))
    scale = _TALL / (most - least)
    content.append(el("path", d=_outline(trace, bottom, least, scale), class_="signal"))
    for value, y in ((most, _TOP + 10), (least, bottom)):
        shown = f"{100 * value:.3g} %" if full_scale else f"{value:.4g}"
        content.append(el("text", shown, x=_LEFT - 8, y=y, class_="tick", text_anchor="end"))
    content.append(el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=bottom, y2=bottom, class_="axis"))
    title = f"{trace.stream}, {trace.channel}"
    return _svg(bottom + _FOOT, title, *content, *_axis(trace.start, trace.stop, trace.start, bottom))


def _fitting(name: str, width: float) -> str:
    room = int(width / 6.2)
    return name if len(name) <= room else name[: max(0, room - 1)] + "…" if room > 3 else ""


def _outline(trace: Trace, bottom: float, least: float, scale: float) -> str:
    """Return the path around lowest and highest, broken where there is nothing."""
    xs = _LEFT + (np.arange(len(trace.low)) + 0.5) / len(trace.low) * (WIDTH - _LEFT - _RIGHT)
    low, high = bottom - (trace.low - least) * scale, bottom - (trace.high - least) * scale
    parts = []
    for there, run in groupby(range(len(xs)), key=lambda i: bool(np.isfinite(low[i]))):
        if there:
            at = list(run)
            points = [f"{xs[i]:.1f} {high[i]:.1f}" for i in at] + [f"{xs[i]:.1f} {low[i]:.1f}" for i in reversed(at)]
            parts.append(f"M{'L'.join(points)}Z")
    return "".join(parts)


def clock_plot(trace: ClockTrace, start: float, stop: float) -> Markup:
    """Draw how far a clock's pairs lie from its fit over the session, and how well the fit is known."""
    tall = 64
    bottom = _TOP + tall
    known = trace.uncertainty[np.isfinite(trace.uncertainty)]
    if trace.of == "offset":
        reach = float(max(np.abs(trace.middle).max(), known.max(initial=0.0), 1e-6)) * 1.2
        least, most = -reach, reach
    else:
        usual = float(np.quantile(trace.middle, 0.9)) if len(trace.middle) else 1e-3
        least, most = min(0.0, float(trace.low.min(initial=0.0))), max(3 * usual, known.max(initial=0.0) * 1.2, 1e-4)
        least = max(least, -most)
    scale = tall / (most - least)

    def at(value: float) -> float:
        return round(bottom - (min(max(value, least), most) - least) * scale, 2)

    content: list[Markup] = []
    above = 0
    for time, low, middle, high, sure in zip(
        trace.time, trace.low, trace.middle, trace.high, trace.uncertainty, strict=True
    ):
        x = _place(start, stop, float(time))
        if trace.of == "offset" and math.isfinite(sure):
            low, high = middle - sure, middle + sure  # noqa: PLW2901 - an offset is a point with its own uncertainty
        above += high > most
        content.append(el("line", x1=x, x2=x, y1=at(float(low)), y2=at(float(high)), class_="spread"))
        content.append(el("circle", cx=x, cy=at(float(middle)), r=1.6, class_="point"))
    if trace.of == "arrival":
        points = [
            f"{_place(start, stop, float(time))} {at(float(sure))}"
            for time, sure in zip(trace.time, trace.uncertainty, strict=True)
            if math.isfinite(sure)
        ]
        content.append(el("path", d=f"M{'L'.join(points)}" if points else "", class_="known"))
    for value, y in ((most, _TOP + 10), (least, bottom)):
        shown = f"{round(1000 * value, 3) + 0.0:.3g} ms"
        content.append(el("text", shown, x=_LEFT - 8, y=y, class_="tick", text_anchor="end"))
    if above:
        note = f"{above} of {len(trace.time)} bars go on above"
        content.append(el("text", note, x=WIDTH - _RIGHT, y=_TOP - 5, class_="tick", text_anchor="end"))
    content.append(el("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=at(0.0), y2=at(0.0), class_="axis"))
    return _svg(bottom + _FOOT, f"clock {trace.name}", *content, *_axis(start, stop, start, bottom))


def key(entries: Mapping[str, str]) -> Markup:
    """Return a legend: {class of the mark: meaning}."""
    parts = [
        join(
            el("svg", el("rect", width=14, height=10, class_=kind), viewBox="0 0 14 10", class_="swatch"), f" {words} "
        )
        for kind, words in entries.items()
    ]
    return el("p", *parts, class_="key")

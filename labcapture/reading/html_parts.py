"""Building blocks of a page: what a session says is text, whatever it looks like; only `el` makes markup."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Collection, Iterable, Sequence

# Control characters, halves of characters, and those that turn the direction of the text around them
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(words: object) -> Markup:
    """Return words as they are to be read, escaped."""
    return Markup(html.escape(_UNWANTED.sub("\N{REPLACEMENT CHARACTER}", str(words)), quote=True))


def join(*parts: object) -> Markup:
    """Return ``parts`` in a row; what is not markup is escaped, None is nothing."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts if part is not None))


def el(tag: str, /, *content: object, **attributes: object) -> Markup:
    """Return an element. Attribute names may end in ``_``, ``_`` within them stands for ``-``; None leaves one out.

    >>> el("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if not content and tag in {"img", "meta", "rect", "line", "path", "circle"}:
        return Markup(f"<{tag}{said}/>")
    return Markup(f"<{tag}{said}>{join(*content)}</{tag}>")


def clock(seconds: float) -> str:
    """Return ``m:ss``, from an hour on ``h:mm:ss``; a dash for what is not known."""
    if not math.isfinite(seconds) or abs(seconds) > 1e9:
        return "–"
    sign, whole = "−" if round(seconds) < 0 else "", abs(round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{rest:02}" if hours else f"{sign}{minutes}:{rest:02}"


def number(value: float | None, unit: str = "", digits: int = 2) -> str:
    """Return a figure with thin spaces between thousands, or a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    shown = f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"
    return shown.replace(",", "\u2009") + (f" {unit}" if unit else "")


def milliseconds(seconds: float | None) -> str:
    """Return seconds as milliseconds."""
    return number(None if seconds is None else 1000 * seconds, "ms")


def size(nbytes: float) -> str:
    """Return a number of bytes with three figures and a decimal unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:
            return f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} TB"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], figures: Collection[int] = ()) -> Markup:
    """Return a table; columns ``figures`` are set to the right."""

    def line(name: str, cells: Sequence[object]) -> Markup:
        return el("tr", *(el(name, cell, class_="n" if i in figures else None) for i, cell in enumerate(cells)))

    body = el("tbody", *(line("td", cells) for cells in rows))
    return el("div", el("table", el("thead", line("th", headings)), body), class_="wide")

"""What a YAML file may ask of us before anything is built from it: its size, depth, aliases and tags.

A few hundred bytes of YAML can stand for gigabytes (aliases of aliases), for an endless tree (an alias inside of what
it stands for) or, in careless hands, for a call of any function (tags). The file is therefore walked as a series of
events first, which costs no more than its length.
"""

from __future__ import annotations

import io

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    ScalarEvent,
)

from labcapture.core.errors import BadInput

MAX_DEPTH = 40  # of lists and mappings in each other; a rig has four
MAX_NODES = 10_000  # keys and values, aliases written out; an interview of 70 prompts has some 1500


def check_structure(text: str, name: str) -> None:
    """Refuse YAML ``text`` that is larger than it looks, or has tags; ``name`` stands for the file in errors.

    Raises
    ------
    BadInput
        It is nested too deep, too long once its aliases are written out, or has a tag or a directive.
    ruamel.yaml.error.YAMLError
        It is not YAML.
    """
    sizes: dict[str, int] = {}  # of what each anchor stands for
    open_: list[tuple[str | None, int]] = []  # anchor of each container that is open, and the nodes before it
    nodes = 0
    for event in YAML(typ="rt").parse(io.StringIO(text)):
        where = f"{name}:{event.start_mark.line + 1}"
        _check_words(event, where)
        if isinstance(event, CollectionStartEvent):
            open_.append((event.anchor, nodes))
            nodes += 1
        elif isinstance(event, CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before
        elif isinstance(event, ScalarEvent):
            nodes += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, AliasEvent):
            if event.anchor in {anchor for anchor, _ in open_}:
                raise BadInput(f"the alias '*{event.anchor}' stands inside of what it stands for", where, "Remove it.")
            nodes += sizes.get(event.anchor, 1)
        if len(open_) > MAX_DEPTH:
            raise BadInput(f"nested deeper than {MAX_DEPTH} levels", where, "Is it the right file?")
        if nodes > MAX_NODES:
            raise BadInput(f"more than {MAX_NODES} keys and values", where, "Is it the right file?")


def _check_words(event: Event, where: str) -> None:
    """Refuse tags and directives: these files need none, and a loader may act on them."""
    if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
        raise BadInput(f"the tag '{event.tag}' has no meaning here", where, "Remove it.")
    if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
        raise BadInput("directives such as %YAML have no meaning here", where, "Remove it.")

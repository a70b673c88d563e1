"""Which channels of an LSL stream are kept, and in which unit.

Outlets of skin conductance name it in many ways; what is not clear is refused rather than guessed.
"""

from __future__ import annotations

from collections.abc import Sequence

from labcapture.core.errors import DeviceError
from labcapture.devices._inlet import Channel

_SKIN = {"eda", "gsr", "sc", "scl", "scr", "skin conductance", "skinconductance", "electrodermal", "conductance"}
_TO_MICROSIEMENS = {
    **dict.fromkeys(("microsiemens", "us", "µs", "μs", "micromho", "umho"), 1.0),
    **dict.fromkeys(("nanosiemens", "ns"), 1e-3),
    **dict.fromkeys(("millisiemens", "ms"), 1e3),
    **dict.fromkeys(("siemens", "s", "mho"), 1e6),
}


def pick(channels: Sequence[Channel], wanted: Sequence[str], skin: bool, where: str) -> list[int]:
    """Return the indices of the channels to keep: those labelled as ``wanted``, else the one of EDA (``skin``), or all.

    Raises
    ------
    DeviceError
        A label is missing or not unique, or it is not clear which channel is the EDA.
    """
    labels = [channel.label for channel in channels]
    shown = ", ".join(label or "(no label)" for label in labels)
    if wanted:
        for label in wanted:
            if labels.count(label) != 1:
                raise DeviceError(f"{labels.count(label)} channels labelled {label!r}, but {shown}", where)
        found = [labels.index(label) for label in wanted]
    elif skin:
        found = [0] if len(channels) == 1 else [i for i, ch in enumerate(channels) if _is_skin(ch.label)]
    else:
        found = list(range(len(channels)))
    if skin and len(found) != 1:
        raise DeviceError(f"{len(found)} of the channels could be EDA: {shown}", where, "Name one in 'channels'.")
    return found


def _is_skin(label: str) -> bool:
    plain = label.casefold().replace("_", " ").replace("-", " ")
    return plain in _SKIN or not _SKIN.isdisjoint(plain.split())


def factor_to_microsiemens(unit: str, where: str) -> float:
    """Return what values in ``unit`` have to be multiplied by.

    Raises
    ------
    DeviceError
        The unit is missing, or is none of conductance.
    """
    factor = _TO_MICROSIEMENS.get(unit.strip().casefold())
    if factor is None:
        stated = f"states the unit {unit!r}" if unit else "states no unit"
        raise DeviceError(
            f"the EDA channel {stated}, which cannot be converted to microsiemens", where, "Set 'unit' if you know it."
        )
    return factor

"""What the measured offsets of an LSL sender tell of its clock, in figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from labcapture.core.fit import correct_lsl
from labcapture.core.lines import STAMP_RESOLUTION_S, weighted_line


def offset_figures(offset_time: ArrayLike, offset: ArrayLike, uncertainty: ArrayLike) -> dict[str, float]:
    """Return what the offsets of one segment say of a sender's clock; the arguments are those of `correct_lsl`.

    ``drift_ppm``: how much too fast the sender's clock runs (NaN below two offsets); ``residual_median``,
    ``residual_p95``, ``residual_max``: distance (s) of the offsets from the line that corrects the stamps;
    ``uncertainty``: median half width (s) of the 95 % interval of that line.
    """
    when, shift, spread = (np.asarray(a, np.float64) for a in (offset_time, offset, uncertainty))
    usable = np.isfinite(when) & np.isfinite(shift) & np.isfinite(spread)
    when, shift, spread = when[usable], shift[usable], spread[usable]
    corrected, known = correct_lsl(when - shift, when, shift, spread)
    away = np.abs(corrected - when)
    median, p95 = np.quantile(away, [0.5, 0.95])
    moved = len(when) > 1 and float(np.ptp(when)) > 0
    line = weighted_line(when, shift, np.maximum(spread, STAMP_RESOLUTION_S)) if moved else None
    return {
        "drift_ppm": -line.slope * 1e6 if line else float("nan"),
        "residual_median": float(median),
        "residual_p95": float(p95),
        "residual_max": float(away.max()),
        "uncertainty": float(np.median(known)),
    }

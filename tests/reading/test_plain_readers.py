"""What readers that know nothing of us find in a session: every stream, its unit and its times."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest


def test_every_array_tells_what_it_is(recorded: Path) -> None:
    streams, arrays = [], []

    def look(group: h5py.Group) -> None:
        for name in group:
            thing = group[name]
            if isinstance(thing, h5py.Dataset):
                arrays.append(thing)
                assert thing.attrs["long_name"], thing.name
                if thing.dtype.kind == "f":
                    assert "units" in thing.attrs, thing.name
                if thing.dtype.names:
                    assert len(thing.attrs["units"]) == len(thing.dtype.names), thing.name
                if name.endswith("time"):
                    assert thing.attrs["units"] == "s", thing.name
            else:
                if thing.attrs.get("NX_class") == "NXdata":
                    streams.append(thing)
                look(thing)

    with h5py.File(recorded / "session.h5") as h5:
        look(h5)
        assert len(arrays) > 50
        assert {stream.name for stream in streams} >= {"/voice", "/eda", "/lsl/pulse"}
        assert len(streams) == 3 + 2 * 2  # signals, and colour and depth of two trials
        for stream in streams:
            signal, axes = stream[stream.attrs["signal"]], stream.attrs["axes"]
            assert len(axes) == signal.ndim
            assert "units" in signal.attrs
            for axis, length in zip(axes, signal.shape, strict=True):
                assert axis == "." or stream[axis].shape == (length,)


def test_plain_h5py_needs_one_import_for_pictures_and_none_for_the_rest(recorded: Path) -> None:
    code = (
        "import h5py, sys\n"
        "h5 = h5py.File(sys.argv[1])\n"
        "print(h5['eda/samples'].shape, h5['trials/03_e/depth/time'].attrs['units'])\n"
        "import labcapture\n"
        "print(h5['trials/03_e/depth/frames'][5].sum() > 0, 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(recorded / "session.h5")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["(600, 1) s", "True False"]


@pytest.mark.skipif(not shutil.which("h5dump"), reason="h5dump is not installed")
def test_h5dump_shows_units_and_times(recorded: Path) -> None:
    dump = ["h5dump", "-A", str(recorded / "trials" / "03_e.h5")]
    shown = subprocess.run(dump, capture_output=True, text=True, timeout=60, check=True).stdout
    for word in ('GROUP "color"', 'DATASET "time"', 'ATTRIBUTE "units"', '"s"', '"NXdata"', "depth_units"):
        assert word in shown, word
    one = ["h5dump", "-d", "/eda/time", "-s", "3", "-c", "1", str(recorded / "session.h5")]
    value = subprocess.run(one, capture_output=True, text=True, timeout=60, check=True).stdout
    with h5py.File(recorded / "session.h5") as h5:
        assert float(value.split("(3):")[1].split()[0]) == pytest.approx(float(np.asarray(h5["eda/time"])[3]), abs=0.06)

"""The code of docs/matlab.md (Octave) and docs/r.md, run on a session; what it reads is what h5py reads."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from labcapture.reading.session import open_session
from labcapture.recording.transcode import transcode
from tests.reading.recorded_world import record

DOCS = Path(__file__).parents[2] / "docs"
ROW = 60  # of the colour pictures; beyond the depth pictures that are lost, so that the rows of both differ


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session with gzip pictures."""
    folder = tmp_path_factory.mktemp("others")
    done = transcode(record(folder / "recorded"), "gzip", folder / "copies", lambda what, done, total: None)
    return Path(done.folder)


def _code(page: str, language: str, session: Path) -> str:
    """Return the code of a page, reading ``session``."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    code, n = re.subn(r"(?<=^session)(\W+)(['\"]).*?\2", rf"\1\2{session.as_posix()}\2", "\n".join(blocks), flags=re.M)
    assert n == 1
    return code


def _values(command: list[str], code: str, folder: Path) -> dict[str, NDArray[np.float64]]:
    """Run a program that writes ``name v1 v2 ...`` lines after its other output; return the values by name."""
    script = folder / "script"
    script.write_text(code, "utf-8")
    done = subprocess.run([*command, str(script)], capture_output=True, text=True, check=False, timeout=120)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("@")]
    assert lines, done.stderr
    return {line[0][1:]: np.array([float(value) for value in line[1:]]) for line in lines}


def _compare(got: dict[str, NDArray[np.float64]], copy: Path) -> None:
    """Hold what another language read against our reading: its arrays are told in C's order."""
    with open_session(copy) as session:
        trial = session.trials["03_e"]
        color, depth = trial["color"], trial["depth"]
        nearest = int(np.abs(depth.time - color.time[ROW]).argmin())
        assert nearest != ROW, "the test shall tell rows from times"
        assert np.array_equal(got["color"], color[ROW].ravel())
        assert got["nearest"] == nearest + 1
        counts = depth[nearest].ravel().astype(float)
        assert np.allclose(got["depth"], np.where(counts == 0, np.nan, counts), equal_nan=True)
        rows = (session.eda.time >= got["span"][0]) & (session.eda.time < got["span"][1])
        assert rows.any()
        assert np.allclose(got["eda"], session.eda.values[:][rows, 0])
        first = int(np.searchsorted(session.voice.blocks["time"], got["span"][0]))
        row = int(session.voice.blocks["row"][first])
        assert np.array_equal(got["sound"], session.voice.values[row : row + 48000, 0])


@pytest.mark.skipif(shutil.which("octave-cli") is None, reason="GNU Octave is not installed")
def test_octave_reads_a_gzip_copy(copy: Path, tmp_path: Path) -> None:
    tell = r"""
printf ("@color"); printf (" %d", permute (picture, [3 2 1])); printf ("\n");
printf ("@depth"); printf (" %.9g", depth_mm'); printf ("\n");
printf ("@nearest %d\n", nearest);
printf ("@span %.17g %.17g\n", color.time(1), color.time(end));
printf ("@eda"); printf (" %.9g", values); printf ("\n");
printf ("@sound"); printf (" %d", sound_of_a_second); printf ("\n");
"""
    code = _code("matlab.md", "octave", copy) + tell
    _compare(_values(["octave-cli", "-q"], code, tmp_path), copy)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_reads_a_gzip_copy(copy: Path, tmp_path: Path) -> None:
    if subprocess.run(["Rscript", "-e", "library(rhdf5)"], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip("R has no rhdf5")
    tell = r"""
digits <- function(values) paste(format(values, digits = 17, trim = TRUE), collapse = " ")
tell <- function(name, values) cat("@", name, " ", digits(values), "\n", sep = "")
stopifnot(about$part == "B", nrow(markers) == 2, gaps$count == 3, verdicts$trial == c("01_a", "03_e"))
tell("color", as.vector(aperm(color, c(3, 2, 1))))
tell("depth", ifelse(is.na(t(depth_mm)), NaN, t(depth_mm)))
tell("nearest", nearest)
tell("span", unlist(span))
tell("eda", eda$value)
tell("sound", sound)
"""
    _compare(_values(["Rscript"], _code("r.md", "r", copy) + tell, tmp_path), copy)


def test_a_gzip_copy_is_laid_out_as_hdf5_1_8_knows_it(copy: Path) -> None:
    files = [copy / "session.h5", *sorted((copy / "trials").iterdir())]
    for file in files:
        assert file.read_bytes()[8] == 0, f"{file.name}: version of the superblock"  # of HDF5 1.10's layout: 3

"""A process that is killed leaves a journal from which every picture and row can be taken."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from labcapture.recording import encodings
from labcapture.recording.journal import JournalReader, digest, unpack
from labcapture.recording.schema import SESSION_FILE, journal_path, trial_path
from tests.recording.recording_world import COLOR, index_of, pixels

# Records as fast as it can until it is killed; says where, once there is something to lose.
SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
from labcapture.core.chunks import AudioBlock
from tests.recording.recording_world import COLOR, VOICE, Camera, make

recorder = make(Path(sys.argv[1]), (COLOR, VOICE), raw_above_bytes=20_000)
camera = Camera(recorder, COLOR)
recorder.open_trial("01_a", start=camera.time(0) - 0.01, step="a", clip="x")
index = 0
while True:
    for _ in range(20):
        recorder.offer(camera.frame(index))
        block = np.full((48, 2), index % 1000, np.int16)
        recorder.offer(AudioBlock("voice", block, 48 * index, 1.0, camera.time(index)))
        recorder.marker(camera.time(index), f"m{index}", "engine")
        index += 1
    while recorder.status().queue_bytes > 500_000:
        time.sleep(0.001)
    if index == 800:
        print(recorder.folder, flush=True)
"""


def test_all_that_was_written_is_found_after_a_kill(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    time.sleep(0.2)  # any moment will do
    process.kill()
    process.wait()
    process.stdout.close()

    reader = JournalReader(folder / journal_path("01_a"))
    lines = list(reader)
    assert not reader.ended
    assert reader.damaged == []
    chunks = [reader.chunk(line) for line in lines if line["kind"] == "chunk"]
    assert len(chunks) > 600
    data, codec = (folder / trial_path("01_a")).read_bytes(), encodings.of(encodings.DEFAULT)
    for i, chunk in enumerate(chunks):
        assert (chunk.index, chunk.frame_number) == (i, i)
        stored = data[chunk.offset : chunk.offset + chunk.size]
        assert digest(stored) == chunk.digest
        picture = encodings.decode(codec, stored, chunk.filter_mask, np.dtype(COLOR.dtype), COLOR.shape)
        assert index_of(picture) == i
        if i % 100 == 0:
            np.testing.assert_array_equal(picture, pixels(COLOR, i))
    (stream,) = [line["stream"] for line in lines if line["kind"] == "group" and "stream" in line]
    assert (stream["name"], stream["dtype"], tuple(stream["shape"])) == ("color", "uint8", COLOR.shape)
    np.testing.assert_array_equal(unpack(stream["attributes"]["intrinsics"]["array"]), COLOR.attributes["intrinsics"])

    tables = list(JournalReader(folder / journal_path()))
    assert tables[0]["file"] == SESSION_FILE
    voice = [
        unpack(line["arrays"]["samples"]) for line in tables if line["kind"] == "extend" and line["path"] == "/voice"
    ]
    assert len(voice) > 600
    assert [int(block[0, 0]) for block in voice] == [i % 1000 for i in range(len(voice))]
    markers = [
        row[1] for line in tables if line["kind"] == "rows" and line["path"] == "/markers" for row in line["rows"]
    ]
    assert markers == [f"m{i}" for i in range(len(markers))]
    assert len(markers) > 600

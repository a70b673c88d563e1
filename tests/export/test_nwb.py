"""NWB files read back by pynwb and judged by nwbinspector."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from nwbinspector import Importance, inspect_nwbfile
from pynwb import NWBHDF5IO, validate

import labcapture
from labcapture.export import formats
from tests.export.truth_world import LOST_BLOCKS, TRIAL, record_truth
from tests.reading.recorded_world import begun


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_truth(tmp_path_factory.mktemp("truth"))[0]


def test_pynwb_reads_what_was_recorded_and_nwbinspector_passes_it(truth: Path, tmp_path: Path) -> None:
    with labcapture.open(truth) as session:
        made = Path(formats.exporter("nwb")(session, tmp_path, {}, lambda *_: None).path)
        (path,) = made.glob("*.nwb")
        zero = session.start_time
        with NWBHDF5IO(str(path), "r") as io:
            file = io.read()
            assert file.session_start_time.isoformat() == session.attributes["started_utc"]
            assert (file.subject.subject_id, file.subject.sex, file.subject.age) == ("P007", "U", "P0D/")
            for camera in ("color", "depth"):
                frames, series = session.trials[TRIAL][camera], file.acquisition[f"{TRIAL}_{camera}"]
                assert np.allclose(series.timestamps[:], frames.time - zero, atol=1e-9)
                with av.open(str(made / series.external_file[0])) as film:
                    assert sum(1 for _ in film.decode(video=0)) == len(frames)
            for name in ("eda", "pulse"):
                signal, series = session.samples[name], file.acquisition[name]
                assert np.array_equal(series.data[:].reshape(len(signal), -1), signal.values[()])
                assert np.allclose(series.timestamps[:], signal.time - zero, atol=1e-9)
            assert (file.acquisition["eda"].unit, file.acquisition["eda"].conversion) == ("siemens", 1e-6)
            first, second = file.acquisition["voice_001"], file.acquisition["voice_002"]
            voice = session.voice
            assert np.array_equal(np.concatenate([first.data[:], second.data[:]]), voice.values[()])
            row = LOST_BLOCKS[0] * 480
            assert len(first.data) == row
            assert second.starting_time == pytest.approx(float(voice.time_of(row)) - zero, abs=2.5e-4)
            last = second.starting_time + (len(second.data) - 1) / second.rate
            assert last == pytest.approx(float(voice.time_of(len(voice) - 1)) - zero, abs=5e-4)
            markers = (
                file.events["markers"] if hasattr(file.events, "__getitem__") else file.get_events_table("markers")
            )
            assert np.allclose(markers["timestamp"].data[:], np.sort(session.markers["time"]) - zero, atol=1e-9)
            assert file.trials["trial"][:].tolist() == [TRIAL]
            assert file.trials["emotion"][:].tolist() == ["fear"]
            assert file.trials["start_time"][0] == pytest.approx(session.trials[TRIAL].start - zero, abs=1e-9)
        assert not validate(path=str(path))
        found = list(inspect_nwbfile(nwbfile_path=path))
        grave = [
            m for m in found if m.importance in {Importance.CRITICAL, Importance.ERROR, Importance.PYNWB_VALIDATION}
        ]
        assert not grave
        assert {m.check_function_name for m in found} <= {
            "check_experimenter_exists",  # none was given, and none is to be invented
            "check_institution",  # a session does not know it
            "check_single_row",  # one trial, one note
            "check_regular_timestamps",  # the simulated instruments are more even than any real one
            "check_timestamp_of_the_first_sample_is_not_negative",  # in this world a minute before it was "recorded"
            "check_table_time_columns_are_not_negative",
        }


def test_a_session_without_a_trial_is_written_too(tmp_path: Path) -> None:
    recorder = begun(tmp_path / "sessions")
    recorder.close(completed=False)
    with labcapture.open(recorder.folder) as session:
        done = formats.exporter("nwb")(session, tmp_path, {}, lambda what, done, total: None)
    with NWBHDF5IO(next(Path(done.path).glob("*.nwb")), "r") as file:
        assert file.read().trials is None

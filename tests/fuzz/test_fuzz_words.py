"""Words from people, instruments and sockets: none of them may cost the recording."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import labcapture.reading
from labcapture.core.clock import lsl_time
from labcapture.devices.rig import Rig
from labcapture.engine.messages import Note, command_adapter
from labcapture.protocol.manifest import Manifest
from labcapture.protocol.model import Protocol
from labcapture.recording.schema import REGISTRY
from labcapture.recording.verify import verify
from labcapture.stage.messages import from_stage, to_stage
from tests.reading.recorded_world import begun

WORDS = ["a\0b", "\0", "\ud800", "\x1b[2J", "\u202e", "x" * 5000, "\U0001f600", "a\r\nb", "王"]
PERSONAL = {
    *(
        "name_of_participant",
        "participant_name",
        "first_name",
        "last_name",
        "surname",
        "birth",
        "birthday",
        "birthdate",
    ),
    *("date_of_birth", "dob", "age", "address", "email", "phone", "sex", "gender"),
}


def test_no_word_costs_the_recording(tmp_path: Path) -> None:
    recorder = begun(tmp_path)
    recorder.open_trial("01_a", clip="a\0b", title="\ud800")
    for word in WORDS:
        recorder.note(lsl_time(), word)
        recorder.marker(lsl_time(), word, word, step=word)
    summary = recorder.close(completed=True, error="\0\ud800")
    assert summary["part"]
    assert verify(recorder.folder).problems == []
    with labcapture.reading.open(recorder.folder) as session:
        assert len(session.notes) == len(WORDS)
        assert session.notes["text"][0] == "a\N{REPLACEMENT CHARACTER}b"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=st.binary(max_size=80)
    | st.sampled_from(["note", "prepare", "mark", "show", "answer", "flips", "done", "hello"]).flatmap(
        lambda kind: st.dictionaries(
            st.sampled_from(["command", "type", "text", "time", "label", "step", "rows", "value", "facts"]),
            st.none() | st.floats() | st.integers() | st.text(max_size=4) | st.just(kind),
            max_size=6,
        ).map(lambda members: repr(members).replace("'", '"').encode("utf-8", "replace"))
    )
)
def test_what_comes_over_a_socket_is_a_message_or_a_validation_error(body: bytes) -> None:
    for adapter in (command_adapter, from_stage, to_stage):
        with contextlib.suppress(ValidationError):  # which the sockets' owners expect; anything else fails this test
            adapter.validate_json(body)


@pytest.mark.parametrize("time", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_time_is_a_number(time: str) -> None:
    with pytest.raises(ValidationError):
        Note.model_validate_json(f'{{"text": "x", "time": {time}}}')


def fields(model: type[BaseModel]) -> set[str]:
    """Return the keys of a model and of all models below it."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}


def test_a_person_has_no_field_anywhere() -> None:
    paths = {part for entry in REGISTRY for part in entry.path.replace("@", "/").split("/")}
    columns = {column.name for entry in REGISTRY for column in entry.columns}
    keys = fields(Rig) | fields(Protocol) | fields(Manifest)
    for adapter in (command_adapter, from_stage, to_stage):
        schema = adapter.json_schema()
        keys |= {key for part in schema["$defs"].values() for key in part.get("properties", {})}
    assert {
        "participant",
        "label",
        "devices",
        "steps",
        "clips",
    } <= paths | columns | keys  # they were really looked through
    assert not (paths | columns | keys) & PERSONAL
    assert "name" not in columns

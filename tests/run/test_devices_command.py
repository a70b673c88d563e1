"""``labcapture devices`` and ``labcapture schema``, as scripts call them."""

from __future__ import annotations

import json
import uuid

import pylsl

from labcapture.devices.rig import kinds
from tests.run.sessions import labcapture


def test_devices_lists_every_kind_and_finds_a_stream() -> None:
    name = f"test {uuid.uuid4()}"
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "EDA", 2, 250, "float32", uuid.uuid4().hex))
    try:
        done = labcapture("devices", "--json")
        table = labcapture("devices")
    finally:
        del outlet
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert sorted(found) == kinds()
    mine = [stream for stream in found["lsl"] if stream["name"] == name]
    assert [(stream["type"], stream["channels"], stream["rate_hz"]) for stream in mine] == [("EDA", 2, 250.0)]
    assert name in table.stdout.replace("\n", " ")


def test_schema_tells_every_path_with_its_version() -> None:
    rows = json.loads(labcapture("schema", "--json").stdout)["paths"]
    assert {"/<frames>/frame_number", "/markers", "/@part"} <= {row["path"] for row in rows}
    assert all(row["description"] and row["since"] >= 1 for row in rows)
    assert "/markers" in labcapture("schema").stdout

"""Skin that is nobody's: a real LSL outlet of electrodermal activity, in a process of its own.

A tonic level with slow drift, spontaneous responses, and a response one to three seconds after markers of the stage.
The outlet is meant to be run as a program; it ends with the process that started it (`leash`)::

    python -m labcapture.devices.simulated.eda --source-id ID --settings '{"seed": 1}'
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from typing import Literal

import numpy as np
import pylsl
from numpy.typing import NDArray
from pydantic import Field
from pylsl.util import LostError

from labcapture.core.clock import lsl_time
from labcapture.core.config import Model

RISE_S, DECAY_S = 0.75, 2.0
"""Time constants of a skin-conductance response; Benedek & Kaernbach 2010, J. Neurosci. Methods 190:80."""
LATENCY_S = (1.0, 3.0)  # a response begins 1-3 s after its stimulus; Boucsein 2012, ch. 2.5
REFRACTORY_S = 1.0
FORGOTTEN_S = 30.0  # a response has decayed to less than a millionth
PUSH_S = 0.04


class EdaFault(Model):
    """A mishap of the simulated sensor, in time since someone first listened to it."""

    kind: Literal["silent", "restart", "flat"] = Field(
        description="silent: connected, but no samples come; restart: the outlet vanishes and comes back; "
        "flat: the electrodes are off, and the value stands still"
    )
    at_s: float = Field(ge=0, description="When it begins, after someone first listened")
    seconds: float = Field(gt=0, le=600, description="How long it lasts")


class SimulatedEda(Model):
    """The ``simulated:`` part of an LSL device."""

    seed: int = Field(default=1, ge=0, description="Same seed, same skin")
    rate_hz: float = Field(default=100.0, gt=0, le=2000, description="Samples per second")
    tonic_microsiemens: float = Field(default=5.0, gt=0, description="Level without responses")
    response_microsiemens: float = Field(default=0.4, ge=0, description="Mean height of a response")
    spontaneous_per_minute: float = Field(default=3.0, ge=0, le=60, description="Responses to nothing")
    noise_microsiemens: float = Field(default=0.002, ge=0, description="Standard deviation of the noise")
    responds_to: str = Field(
        default="labcapture-stage",
        pattern=r"^[\w.:-]*$",
        description="Markers of LSL streams whose source_id begins like this cause responses",
    )
    faults: tuple[EdaFault, ...] = Field(default=(), description="What goes wrong, and when")


class Skin:
    """Conductance over time, in microsiemens; `read` returns the same however it is cut."""

    def __init__(self, settings: SimulatedEda) -> None:
        self._settings = settings
        streams = np.random.SeedSequence(settings.seed).spawn(3)
        self._noise, self._events, self._heights = (np.random.default_rng(stream) for stream in streams)
        self._phase = self._events.uniform(0, 2 * np.pi, 2)
        self._responses: list[tuple[float, float]] = []  # onset (s), height
        self._spontaneous = 0.0
        self._answered = -np.inf
        self._at = 0

    def respond(self, stimulus_s: float) -> None:
        """Answer a stimulus at ``stimulus_s`` (s since the first sample), unless one has just been answered."""
        if stimulus_s - self._answered >= REFRACTORY_S:
            self._answered = stimulus_s
            self._add(stimulus_s + self._heights.uniform(*LATENCY_S))

    def _add(self, onset: float) -> None:
        self._responses.append((onset, self._settings.response_microsiemens * self._heights.lognormal(-0.125, 0.5)))

    def read(self, count: int) -> NDArray[np.float64]:
        """Return the next ``count`` samples, (count,)."""
        t = (self._at + np.arange(count)) / self._settings.rate_hz
        self._at += count
        per_second = self._settings.spontaneous_per_minute / 60
        while per_second and self._spontaneous <= t[-1]:
            self._spontaneous += self._events.exponential(1 / per_second)
            self._add(self._spontaneous)
        tonic = self._settings.tonic_microsiemens
        level = tonic * (1 + 0.04 * np.sin(t / 47 + self._phase[0]) + 0.02 * np.sin(t / 13 + self._phase[1]))
        for onset, height in self._responses:
            level += height * response(t - onset)
        self._responses = [r for r in self._responses if r[0] > t[0] - FORGOTTEN_S]
        values: NDArray[np.float64] = level + self._noise.normal(0, self._settings.noise_microsiemens, count)
        return values


def response(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a skin-conductance response of height 1 that begins at t = 0 (s): a Bateman function."""
    peak = np.log(DECAY_S / RISE_S) * RISE_S * DECAY_S / (DECAY_S - RISE_S)
    top = np.exp(-peak / DECAY_S) - np.exp(-peak / RISE_S)
    after = np.clip(t, 0, None)
    shape: NDArray[np.float64] = (np.exp(-after / DECAY_S) - np.exp(-after / RISE_S)) / top
    return shape


def make_outlet(settings: SimulatedEda, source_id: str) -> pylsl.StreamOutlet:
    """Make the outlet: channel EDA in microsiemens, and COUNTER, the index of the sample, which tells every loss."""
    info = pylsl.StreamInfo("Simulated EDA", "EDA", 2, settings.rate_hz, pylsl.cf_float32, source_id)
    channels = info.desc().append_child("channels")
    for label, unit, kind in (("EDA", "microsiemens", "EDA"), ("COUNTER", "count", "Counter")):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
        channel.append_child_value("type", kind)
    info.desc().append_child_value("manufacturer", "labcapture (simulated)")
    return pylsl.StreamOutlet(info)


class _Stage:
    """Markers of the stage's outlets, as they appear on the network."""

    def __init__(self, source: str) -> None:
        self._resolver = pylsl.ContinuousResolver(pred=f"type='Markers' and starts-with(source_id,'{source}')")
        self._inlets: dict[str, pylsl.StreamInlet] = {}
        self._times: list[float] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._listen, name="markers", daemon=True).start()

    def _listen(self) -> None:
        while True:
            present = {info.uid(): info for info in self._resolver.results()}
            for uid, info in present.items():
                if uid not in self._inlets:
                    self._inlets[uid] = pylsl.StreamInlet(info, recover=False)
            for uid in list(self._inlets):
                try:
                    self._pull(self._inlets[uid])
                except LostError:
                    del self._inlets[uid]
            time.sleep(0.1)

    def _pull(self, inlet: pylsl.StreamInlet) -> None:
        while True:
            _, stamp = inlet.pull_sample(timeout=0.0)
            if not stamp:
                return
            with self._lock:
                self._times.append(float(stamp))  # made on this machine: its clock is ours

    def take(self) -> list[float]:
        """Return the LSL times of the markers that came since the last call."""
        with self._lock:
            taken, self._times = self._times, []
        return taken


def run(settings: SimulatedEda, source_id: str) -> None:
    """Push samples in real time for ever, with the mishaps of ``settings``."""
    skin, stage = Skin(settings), _Stage(settings.responds_to)
    outlet: pylsl.StreamOutlet | None = make_outlet(settings, source_id)
    start, done, heard = lsl_time(), 0, np.inf
    while True:
        time.sleep(PUSH_S)
        for stamp in stage.take():
            skin.respond(stamp - start)
        due = int((lsl_time() - start) * settings.rate_hz)
        if due == done:
            continue
        index = np.arange(done, due)
        data = np.column_stack([skin.read(due - done), index]).astype(np.float32)
        t = index / settings.rate_hz
        if heard == np.inf and outlet is not None and outlet.have_consumers():
            heard = t[-1]
        lost = np.zeros(len(t), bool)
        for fault in settings.faults:
            during = (t - heard >= fault.at_s) & (t - heard < fault.at_s + fault.seconds)
            if fault.kind == "flat":
                data[during, 0] = 0.0
            else:
                lost |= during
        if _vanished(settings, t[-1] - heard):
            outlet = None  # the last reference: liblsl closes it
        elif outlet is None:
            outlet = make_outlet(settings, source_id)
        if outlet is not None and not lost.all():
            outlet.push_chunk(data[~lost], (start + t[~lost]).tolist())
        done = due


def _vanished(settings: SimulatedEda, heard_for: float) -> bool:
    return any(f.kind == "restart" and f.at_s <= heard_for < f.at_s + f.seconds for f in settings.faults)


def main() -> int:
    """Run the outlet as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source-id", required=True)
    parser.add_argument("--settings", default="{}")
    given = parser.parse_args()
    run(SimulatedEda.model_validate_json(given.settings), given.source_id)
    return 0


if __name__ == "__main__":
    sys.exit(main())

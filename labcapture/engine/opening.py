"""From files to a session that is ready to start: everything opens, or nothing stays open and nothing is on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.precedence import niceness
from labcapture.devices.base import FilmsStage, HearsStage
from labcapture.engine.alarms import Alarms
from labcapture.engine.aside import Aside
from labcapture.engine.awake import Awake
from labcapture.engine.checking import Plan, check, check_room, software
from labcapture.engine.checkup import Looked
from labcapture.engine.driving import Driver, close_all, open_all, opening_words, wait_delivering
from labcapture.engine.intake import Intake
from labcapture.engine.log import SessionLog
from labcapture.engine.loop_tap import LoopTap
from labcapture.engine.messages import Prepare
from labcapture.engine.previewer import Previewer
from labcapture.engine.sound_tap import SoundTap
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder
from labcapture.stage.messages import Hello
from labcapture.stage.process import StageProcess

_DELIVER_S = 15.0


@dataclass(frozen=True)
class Opened:
    """All that a running session holds."""

    command: Prepare
    plan: Plan
    simulated: bool
    folder: Path
    log: SessionLog
    alarms: Alarms
    drivers: tuple[Driver, ...]
    intake: Intake
    previewer: Previewer
    recorder: Recorder
    stage: StageProcess
    loop: LoopTap
    sound: SoundTap | None
    """The microphone, for voice onsets."""
    review_stream: str | None
    """Camera stream that a review shows."""
    awake: Awake

    def reopen_stage(self) -> None:
        """Start the participant's screen anew after it broke down; takes seconds.

        Raises
        ------
        LabcaptureError
            It does not open.
        """
        hello = self.stage.restart()
        self.log.info("stage ready again", **hello.model_dump(mode="json"))
        film_stage(self.drivers, hello.display)

    def release(self) -> None:
        """Close the stage, the devices and the previews, and let the machine sleep."""
        self.stage.close()
        close_all(self.drivers, self.log)
        self.previewer.close()
        self.awake.release()


def film_stage(drivers: Iterable[Driver], display: str) -> None:
    """Have the simulated cameras that show the participant's screen look at X ``display``."""
    for driver in drivers:
        if driver.config.perceives_stage and isinstance(driver.device, FilmsStage):
            driver.device.film(display)


def open_screen(stage: StageProcess) -> Aside[Hello]:
    """Begin to open the participant's screen, which takes seconds; closing the call closes the screen."""
    return Aside("stage", "stage", lambda cancelled: stage.start(cancelled=cancelled), stage.close)


def open_session(
    command: Prepare,
    looked: Sequence[Looked] = (),
    cancelled: Cancellation = NEVER,
    progress: Callable[[str], None] = lambda what: None,
) -> Opened:
    """Check the files, open devices and stage, wait until all deliver, create the session on disk.

    ``looked`` are the rows of the preflight, which the session keeps; ``progress`` is told what is being done.

    Raises
    ------
    LabcaptureError
        Something is missing or wrong; everything is closed again and nothing is left on disk.
    Cancelled
        By ``cancelled``; likewise.
    """
    plan = check(command)
    log = SessionLog()
    surroundings: dict[str, str] = {}
    stage = StageProcess(
        plan.rig.stage,
        language=command.language,
        autopilot=command.autopilot,
        speed=command.speed,
        environment=surroundings,
        on_log=lambda line: log.info("stage says", line=line),
    )
    with ExitStack() as undo:
        awake = undo.enter_context(Awake())
        is_perceived = any(config.perceives_stage for config in plan.rig.devices)
        progress(opening_words("stage", *(config.kind for config in plan.rig.devices)))
        window = None if is_perceived else open_screen(stage)  # beside the devices
        if window is not None:
            undo.callback(window.close)
        drivers = open_all(plan.rig.devices, log, cancelled)
        undo.callback(close_all, drivers, log)
        for driver in drivers:
            if isinstance(driver.device, HearsStage):
                surroundings.update(driver.device.stage_environment)
        progress("opening the participant's screen")
        if window is None:
            window = open_screen(stage)
            undo.callback(window.close)
        hello = window.result(cancelled)
        log.info("stage ready", **hello.model_dump(mode="json"))
        film_stage(drivers, hello.display)
        streams = [spec for driver in drivers for spec in driver.streams]
        check_room(plan, streams)
        simulated = plan.rig.is_simulated or any(spec.simulated for spec in streams)  # or a recording of such a rig
        previewer = Previewer(streams, hello.mirror)
        undo.callback(previewer.close)
        intake = Intake(streams, previewer)
        heard = next((spec for spec in streams if spec.kind == "audio"), None)
        intake.sound = sound = None if heard is None else SoundTap(heard)
        intake.loop = loop = LoopTap(streams, hello.rate_hz)
        for driver in drivers:
            driver.start(intake.emit)
        progress("waiting for every stream")
        wait_delivering(drivers, intake.monitors, _DELIVER_S, cancelled)
        header = SessionHeader(
            participant=command.participant,
            session=command.session,
            protocol=plan.protocol.name,
            paradigm=plan.protocol.paradigm,
            protocol_text=plan.protocol_text,
            rig=plan.rig.name,
            rig_text=plan.rig_text,
            language=command.language,
            simulated=simulated,
            autopilot=command.autopilot,
            software=software(),
            rule=plan.protocol.rule,
            started_utc=datetime.now(UTC),
            experimenter=command.experimenter,
            seed=plan.order.seed,
            place=plan.order.place,
            variables=plan.variables,
            resumed_from=plan.resumed.folder if plan.resumed else "",
            codec=plan.rig.codec,
        )
        cancelled.check()  # the last time: from here on there is something on disk
        folder = create_folder(plan.out, header)
        undo.callback(shutil.rmtree, folder)
        log.open(folder / "log.jsonl")
        undo.callback(log.close)
        recorder = Recorder(folder, header, streams)
        intake.recorder = recorder
        for told in looked:
            recorder.preflight(*told)
        log.info("prepared", streams=[spec.name for spec in streams], niceness=niceness(), awake=awake.holds)
        review = next((spec.name for spec in streams if spec.kind == "frames" and len(spec.shape) == 3), None)
        undo.pop_all()
    return Opened(
        command,
        plan,
        simulated,
        folder,
        log,
        Alarms(log),
        tuple(drivers),
        intake,
        previewer,
        recorder,
        stage,
        loop,
        sound,
        review,
        awake,
    )

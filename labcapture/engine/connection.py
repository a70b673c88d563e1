"""How a client finds a running engine: a file that only its user can read, with the end points and the CURVE keys."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import psutil
from pydantic import ValidationError

from labcapture.core.config import Model
from labcapture.core.errors import EngineError
from labcapture.core.runtime import runtime_folder


class Connection(Model):
    """Everything that a client needs; whoever can read it can command the engine."""

    pid: int
    started: float  # process creation time, tells a living engine from a later process of the same pid
    commands: str
    snapshots: str
    server_public: str
    client_public: str
    client_secret: str


def new_path() -> Path:
    """Return a path for a new engine's connection file."""
    return runtime_folder() / f"engine-{secrets.token_hex(4)}.json"


def write(path: Path, connection: Connection) -> None:
    """Write the file whole or not at all, readable by the user alone."""
    draft = path.with_suffix(".tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(connection.model_dump_json())
    draft.replace(path)


def read(path: Path) -> Connection:
    """Read a connection file.

    Raises
    ------
    EngineError
        It is missing, damaged, or its engine has ended.
    """
    try:
        connection = Connection.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EngineError("no engine is running", str(path), "Start one with 'labcapture'.") from None
    except (OSError, ValidationError) as error:
        raise EngineError(f"cannot read the connection file ({type(error).__name__})", str(path)) from error
    if not _alive(connection):
        raise EngineError("the engine has ended", str(path), "Start a new one with 'labcapture'.")
    return connection


def find() -> list[Path]:
    """Return the connection files of living engines, newest first; files of dead ones are removed."""
    living: list[tuple[float, Path]] = []
    for path in runtime_folder().glob("engine-*.json"):
        try:
            living.append((read(path).started, path))
        except EngineError:
            path.unlink(missing_ok=True)
    return [path for _, path in sorted(living, reverse=True)]


def _alive(connection: Connection) -> bool:
    try:
        process = psutil.Process(connection.pid)
        return abs(process.create_time() - connection.started) < 2.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

"""The processes that work on a corpus: those of this machine, or a cluster's, both through dask.distributed."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from labcapture import __version__
from labcapture.core.errors import BadInput

_JOIN_S = 30.0
T = TypeVar("T")


class Team:
    """Workers, ready to be given work. Use it in a ``with`` statement.

    The local cluster consists of processes that are started anew (*spawn*): a script that makes a team must do so
    below ``if __name__ == "__main__":``.

    Parameters
    ----------
    scheduler
        Address of a running cluster's scheduler, ``tcp://host:8786``; empty: a local cluster.
    workers
        Processes of the local cluster; as many as there are processors unless given.
    sees
        Folders that the workers of another cluster must see under the same name.

    Raises
    ------
    BadInput
        dask.distributed is not installed, the scheduler cannot be reached, it has no workers, or these do not fit.
    """

    def __init__(self, scheduler: str = "", workers: int | None = None, sees: Sequence[Path] = ()) -> None:
        try:
            import distributed  # noqa: PLC0415 - part of the extra `analysis`, and slow to load
        except ModuleNotFoundError as error:
            raise BadInput(
                "needs dask.distributed", "labcapture corpus", "pip install 'labcapture[analysis]'"
            ) from error
        self._distributed = distributed
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is told by whoever asked for it
        self._cluster: Any = None
        if not scheduler:
            self._cluster = distributed.LocalCluster(
                n_workers=workers or os.cpu_count() or 1,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
        self._client = self._join(scheduler)
        try:
            self._check(f"--scheduler {scheduler}" if scheduler else "the local cluster", scheduler, sees)
        except BaseException:
            self.close()
            raise

    def _join(self, scheduler: str) -> Any:  # noqa: ANN401 - distributed is untyped
        try:
            return self._distributed.Client(self._cluster or scheduler, timeout=_JOIN_S)
        except (OSError, ValueError, TimeoutError) as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            mend = "Start it with: dask scheduler"
            raise BadInput(f"cannot be reached ({why})", f"--scheduler {scheduler}", mend) from error

    def _check(self, where: str, scheduler: str, sees: Sequence[Path]) -> None:
        """Refuse workers that cannot do the work: with a task that they cannot load they would be asked for ever."""
        try:
            self._client.wait_for_workers(1, timeout=_JOIN_S)
        except TimeoutError as error:
            raise BadInput("has no workers", where, f"Start one with: dask worker {scheduler}") from error
        try:
            found = self._client.run(about, [str(folder) for folder in sees])
        except Exception as error:  # whatever a worker raises that does not know labcapture
            mend = f"Install labcapture {__version__} with the extra 'analysis' there."
            raise BadInput(f"its workers cannot do it ({error})", where, mend) from error
        for worker, (version, unseen) in found.items():
            if version != __version__ or unseen:
                what = f"does not see {unseen[0]}" if unseen else f"has labcapture {version}, here is {__version__}"
                mend = "Give them the same folders under the same names." if unseen else "Install the same."
                raise BadInput(f"worker {worker} {what}", where, mend)

    def __enter__(self) -> Team:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what was started; a cluster that was joined goes on."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def each(self, do: Callable[[T], Any], errands: Sequence[T]) -> Iterator[tuple[T, Any]]:
        """Yield each errand with what ``do`` returned for it, or the exception that came instead, as they end."""
        futures = {
            future: errand for errand, future in zip(errands, self._client.map(do, errands, pure=False), strict=True)
        }
        try:
            for future in self._distributed.as_completed(list(futures)):
                errand = futures.pop(future)
                failed = future.status != "finished"
                yield errand, (future.exception() or RuntimeError(future.status)) if failed else future.result()
        finally:
            for future in futures:  # what nobody waits for any more
                future.cancel()


def about(folders: Sequence[str]) -> tuple[str, list[str]]:
    """Return a worker's version of labcapture, and those of ``folders`` that it does not see."""
    return __version__, [folder for folder in folders if not Path(folder).is_dir()]

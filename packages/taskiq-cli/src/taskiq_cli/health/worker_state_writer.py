"""A worker writes its state down, once a second, for the health server."""

import asyncio
import os
import re
import time
from datetime import UTC, datetime
from typing import Any, Final

from taskiq_cli.health.worker_state_file import write_worker_state
from taskiq_core.loggers import get_logger
from taskiq_core.receiver import Receiver
from taskiq_core.worker_report import WorkerReport, WorkerState

logger = get_logger(__name__)

INTERVAL: Final = 1.0
"""Seconds between two writes."""
_LONGEST_REASON: Final = 500
"""Characters of a reason: errors of some libraries go on for pages."""
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]*@")


class WorkerStateWriter:
    """Writes the state file of this worker into the folder that all workers share.

    Args:
        folder: the shared folder.
        name: of this worker, as in "worker-0".
    """

    def __init__(self, folder: str, name: str) -> None:
        self._folder = folder
        self._name = name
        self._started_at = _text(datetime.now(UTC))
        self._trouble = ""

    def write_start(self) -> None:
        """Write that this process begins; it imports the application next."""
        self._write({"state": WorkerState.STARTING.value, "reason": None})

    async def keep_writing(self, receiver: Receiver, finish: asyncio.Event) -> None:
        """Write the state each second, and at once when the worker begins to leave.

        Args:
            receiver: reports the state.
            finish: set when the worker begins to leave.
        """
        leaving = asyncio.create_task(finish.wait())
        try:
            while True:
                self._write(_contents(receiver.report(), is_leaving=leaving.done()))
                if leaving.done():
                    await asyncio.sleep(INTERVAL)
                else:
                    await asyncio.wait({leaving}, timeout=INTERVAL)
        finally:
            leaving.cancel()

    def _write(self, contents: dict[str, Any]) -> None:
        state = {
            "name": self._name,
            **contents,
            "pid": os.getpid(),
            "started_at": self._started_at,
            "written_at": time.monotonic(),
        }
        try:
            write_worker_state(self._folder, self._name, state)
        except OSError as error:
            if self._trouble != str(error):
                self._trouble = str(error)
                logger.warning("The health of this worker can't be written down: %s", error)


def _contents(report: WorkerReport, *, is_leaving: bool) -> dict[str, Any]:
    last = report.last_message_at
    return {
        "state": (WorkerState.DRAINING if is_leaving else report.state).value,
        "reason": None if is_leaving or report.reason is None else _without_secrets(report.reason),
        "broker": report.broker,
        "slots_total": report.slots_total,
        "slots_free": report.slots_free,
        "running_tasks": report.running_tasks,
        "last_message_at": None if last is None else _text(last),
    }


def _without_secrets(reason: str) -> str:
    """The reason without passwords of URLs: everybody who reaches the address may read it."""
    return _CREDENTIALS.sub("***@", reason)[:_LONGEST_REASON]


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")

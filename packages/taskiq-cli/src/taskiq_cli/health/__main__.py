"""`python -m taskiq_cli.health LIFELINE REPORT STARTED_AT OPTIONS`: started by the supervisor only.

A process of its own: no worker can answer for one that hangs, and the supervisor is not to be
disturbed by what comes from a network. It uses neither asyncio nor click, for the sake of memory.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.health.address import Address
from taskiq_cli.health.document import document, worker_entry
from taskiq_cli.health.notes import read_note
from taskiq_cli.health.server import HealthServer
from taskiq_cli.parent.lifeline import Lifeline
from taskiq_cli.supervisor.line_log import LineLog
from taskiq_cli.supervisor.shared_folder import VARIABLE

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    import socket
    from typing import Any

_AGAIN = 1.0
"""Seconds between two tries to get an address that another process has."""


def main() -> None:
    """Answer probes until the supervisor ends."""
    lifeline, _report, started_at, text = sys.argv[1:]
    Lifeline(int(lifeline), ExitCode.ORPHANED)
    options = json.loads(text)
    log = LineLog(options["log_format"], options["log_level"])
    listening = _listen(Address(options["health"]), log)
    folder = os.environ[VARIABLE]
    HealthServer(listening, lambda: _document(folder, options, started_at)).run()


def _document(folder: str, options: dict[str, Any], started_at: str) -> dict[str, Any]:
    # Monotonic, and the same for all processes of a machine: the other clock may be set.
    now = time.monotonic()
    names = [f"worker-{number}" for number in range(options["workers"])]
    return document(
        [worker_entry(name, read_note(folder, name), now=now) for name in names],
        broker=options["broker"],
        pid=os.getppid(),
        started_at=started_at,
    )


def _listen(address: Address, log: LineLog) -> socket.socket:
    """Listen, as soon as the address is free: the workers of an earlier start may still have it."""
    told = ""
    while True:
        try:
            listening = address.listen()
        except OSError as error:
            if told != str(error):
                told = str(error)
                log.warning("Health can't be served at %s yet: %s", address, error)
            threading.Event().wait(_AGAIN)
        else:
            log.info("Health is served at %s", _name_of(listening, address))
            return listening


def _name_of(listening: socket.socket, address: Address) -> str:
    if address.path is None:
        address.port = listening.getsockname()[1]  # the system's choice, where 0 was asked for
    return str(address)


if __name__ == "__main__":
    main()

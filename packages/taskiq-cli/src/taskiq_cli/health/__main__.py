"""`python -m taskiq_cli.health PARENT STATUS STARTED_AT OPTIONS`: started by the supervisor only.

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
from taskiq_cli.health.server import HealthServer
from taskiq_cli.health.worker_state_file import read_worker_state
from taskiq_cli.processes.parent_watch import ParentWatch
from taskiq_cli.processes.shared_folder import VARIABLE
from taskiq_cli.processes.stderr_log import StderrLog

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    import socket
    from typing import Any

_AGAIN = 1.0
"""Seconds between two tries to get an address that another process has."""


def main() -> None:
    """Answer probes until the supervisor ends."""
    parent, _status, started_at, text = sys.argv[1:]
    ParentWatch(int(parent), ExitCode.ORPHANED)
    options = json.loads(text)
    log = StderrLog(options["log_format"], options["log_level"])
    listening = _listen(Address(options["health"]), log)
    folder = os.environ[VARIABLE]
    HealthServer(listening, lambda: _document(folder, options, started_at)).run()


def _document(folder: str, options: dict[str, Any], started_at: str) -> dict[str, Any]:
    # The monotonic clock is one for all processes of a machine, and is never set.
    now = time.monotonic()
    names = [f"worker-{number}" for number in range(options["workers"])]
    return document(
        [worker_entry(name, read_worker_state(folder, name), now=now) for name in names],
        broker=options["broker"],
        pid=os.getppid(),
        started_at=started_at,
    )


def _listen(address: Address, log: StderrLog) -> socket.socket:
    """Listen, as soon as the address is free: the workers of an earlier start may still have it."""
    logged = ""
    while True:
        try:
            listening = address.listen()
        except OSError as error:
            if logged != str(error):
                logged = str(error)
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

"""One of several processes serves the metrics of all; when it dies, another one does."""

import asyncio
import errno
import fcntl
import logging
import os
import threading
import time
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server

from taskiq_prometheus.errors import MetricsPortError

logger = logging.getLogger(__name__)

TAKEOVER_SECONDS: Final = 1.0
"""Seconds between two tries to take over the port of a process that died."""
SETTLING_SECONDS: Final = 5.0
"""Seconds that a process gives another one that is about to serve; then it starts all the same."""
_LOOK_SECONDS: Final = 0.02
_SETTLED: Final = b"settled"
_CURES: Final = {
    errno.EADDRINUSE: (
        "Another program listens there, or another `taskiq worker`: each needs a port of its own. "
        "Stop it, or choose another port: PrometheusMiddleware(server_port=...)."
    ),
    errno.EACCES: (
        "This user may not have that port: choose one above 1023: "
        "PrometheusMiddleware(server_port=...)."
    ),
}
"""By what the system says."""


class MetricsServer:
    """Serves a registry over HTTP; `/metrics` or any other path will do.

    Args:
        registry: what to serve.
        address: the address to listen at.
        port: the port.
        lock: a file that the serving process of several locks; None if there are no others. It is
            empty until that process serves: the others can't start before they know.
    """

    def __init__(
        self, registry: CollectorRegistry, address: str, port: int, *, lock: Path | None = None
    ) -> None:
        self._registry = registry
        self._address = address
        self._port = port
        self._lock_path = lock
        self._lock: int | None = None
        self._server: object | None = None
        self._is_stopped = threading.Event()

    async def start(self) -> None:
        """Serve, now or when the process that serves is gone.

        Raises:
            MetricsPortError: the port is not available, to this process or to one that shares it.
        """
        self._is_stopped.clear()
        if self._lock_path is None:
            self._serve()
            return
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = lock
        if not await _is_ours(lock):
            waiting = threading.Thread(target=self._take_over, name="taskiq-metrics", daemon=True)
            waiting.start()
            return
        os.ftruncate(lock, 0)
        try:
            self._serve()
        except MetricsPortError:
            self.stop()  # the others try, and find the same
            raise
        os.pwrite(lock, _SETTLED, 0)

    def stop(self) -> None:
        """Stop, and let another process serve."""
        self._is_stopped.set()
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()  # type: ignore[attr-defined]  # a WSGI server of prometheus-client
            server.server_close()  # type: ignore[attr-defined]
        if self._lock is not None:
            os.close(self._lock)  # which unlocks it
            self._lock = None

    def _serve(self) -> None:
        try:
            server, _ = start_http_server(self._port, self._address, self._registry)
        except (OSError, OverflowError) as error:
            raise self._problem(error) from error
        self._server = server
        logger.info("Metrics are served at %s:%d", self._address, self._port)

    def _problem(self, error: Exception) -> MetricsPortError:
        reason = getattr(error, "strerror", None) or str(error)
        problem = MetricsPortError(address=self._address, port=self._port, reason=reason)
        problem.cure = _CURES.get(getattr(error, "errno", None) or 0, problem.cure)
        return problem

    def _take_over(self) -> None:
        """Wait until the process that serves is gone, then serve; in a thread."""
        lock, logged = self._lock, ""
        while lock is not None and not self._is_stopped.wait(TAKEOVER_SECONDS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.pwrite(lock, _SETTLED, 0)
                self._serve()
            except BlockingIOError:
                continue
            except (OSError, MetricsPortError) as error:
                if not self._is_stopped.is_set() and str(error) != logged:
                    logged = str(error)
                    logger.warning("%s Tasks go on, and it is tried again until it works.", logged)
            else:
                return


async def _is_ours(lock: int) -> bool:
    """Lock a file; False if another process has it and has found out whether it can serve."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if os.fstat(lock).st_size or time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return True

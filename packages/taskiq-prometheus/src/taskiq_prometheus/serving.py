"""One of several processes serves the metrics of all; when it dies, another one does."""

import fcntl
import logging
import os
import threading
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server

from taskiq_prometheus.errors import MetricsPortError

logger = logging.getLogger(__name__)

TAKEOVER_SECONDS: Final = 1.0
"""Seconds between two tries to take over the port of a process that died."""


class MetricsServer:
    """Serves a registry over HTTP; `/metrics` or any other path will do.

    Args:
        registry: what to serve.
        address: the address to listen at.
        port: the port.
        lock: a file that the serving process of several locks; None if there are no others.
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

    def start(self) -> None:
        """Serve, now or when the process that serves is gone.

        Raises:
            MetricsPortError: the port can't be had.
        """
        self._is_stopped.clear()
        if self._lock_path is None:
            self._serve()
            return
        self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting = threading.Thread(target=self._take_over, name="taskiq-metrics", daemon=True)
            waiting.start()
            return
        self._serve()

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
        except OSError as error:
            reason = error.strerror or str(error)
            raise MetricsPortError(address=self._address, port=self._port, reason=reason) from error
        self._server = server
        logger.info("Metrics are served at %s:%d", self._address, self._port)

    def _take_over(self) -> None:
        """Wait until the process that serves is gone, then serve; in a thread."""
        lock = self._lock
        while lock is not None and not self._is_stopped.wait(TAKEOVER_SECONDS):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._serve()
            except BlockingIOError:
                continue
            except (OSError, MetricsPortError) as error:
                if not self._is_stopped.is_set():
                    logger.warning("%s Trying again.", error)
            else:
                return

"""Answers probes, each in a thread, a bounded number of them at once."""

from __future__ import annotations

import threading

from taskiq_cli.health.http import PATIENCE, read_request, response

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

MOST = 16
"""Connections at once; more are closed without an answer."""


class HealthServer:
    """Serves a document over HTTP.

    Args:
        listening: a socket that listens.
        document: makes the document; called for each request, in threads.
    """

    def __init__(self, listening: socket.socket, document: Callable[[], dict[str, Any]]) -> None:
        self._listening = listening
        self._document = document
        self._places = threading.Semaphore(MOST)

    def run(self) -> None:
        """Answer for ever."""
        while True:
            try:
                connection, _address = self._listening.accept()
            except OSError:
                # Too many open files, or a client that is gone already: this one only.
                threading.Event().wait(0.1)
                continue
            if not self._places.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                request = read_request(connection)
                connection.settimeout(PATIENCE)
                connection.sendall(response(request, self._document()))
        except OSError:
            pass  # the client is gone, or too slow
        finally:
            self._places.release()

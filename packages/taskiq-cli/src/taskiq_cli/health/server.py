"""Answers probes: one thread, any number of clients that send slowly or nothing.

Bytes from the network: their number, the time that they may take and the connections that may be
open are bounded. A connection that is idle costs a descriptor until its time is up; where there are
too many of them, the oldest makes way.
"""

from __future__ import annotations

import selectors
import socket
import time

from taskiq_cli.health.http import PATIENCE, RequestReader, response

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOST = 64
"""Connections that may be open at once."""
_PAUSE = 0.1
"""Seconds without new connections after one could not be accepted."""


class HealthServer:
    """Serves a document over HTTP.

    Args:
        listening: a socket that listens.
        document: makes the document; called for each request.
        patience: seconds that a client gets to send its request and read the answer.
    """

    def __init__(
        self,
        listening: socket.socket,
        document: Callable[[], dict[str, Any]],
        *,
        patience: float = PATIENCE,
    ) -> None:
        listening.setblocking(False)
        self._listening = listening
        self._document = document
        self._patience = patience
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)
        self._clients: dict[socket.socket, _Client] = {}  # in the order of their deadlines

    def run(self) -> None:
        """Answer for ever."""
        while True:
            self.run_once()

    def run_once(self) -> None:
        """Wait for the next event of a connection, and handle it."""
        for key, _events in self._selector.select(self._seconds_to_deadline()):
            if key.fileobj is self._listening:
                self._accept()
            elif client := self._clients.get(key.fileobj):  # type: ignore[call-overload]  # a socket
                self._serve(client)
        now = time.monotonic()
        while (oldest := self._oldest()) is not None and oldest.deadline <= now:
            self._close(oldest)

    def _oldest(self) -> _Client | None:
        return next(iter(self._clients.values()), None)

    def _seconds_to_deadline(self) -> float | None:
        oldest = self._oldest()
        return None if oldest is None else max(0.0, oldest.deadline - time.monotonic())

    def _accept(self) -> None:
        try:
            connection, _address = self._listening.accept()
        except BlockingIOError:
            return
        except OSError:
            # Too many open files, or a client that has left already.
            time.sleep(_PAUSE)
            return
        if len(self._clients) >= MOST and (oldest := self._oldest()):
            self._close(oldest)
        connection.setblocking(False)
        client = _Client(connection, time.monotonic() + self._patience)
        self._clients[connection] = client
        self._selector.register(connection, selectors.EVENT_READ)

    def _serve(self, client: _Client) -> None:
        try:
            if client.answer is None and client.read():
                client.answer = response(client.request.parsed(), self._document())
                self._selector.modify(client.connection, selectors.EVENT_WRITE)
            if client.answer is not None and client.write():
                self._close(client)
        except BlockingIOError:
            pass
        except OSError:
            self._close(client)  # the client has left

    def _close(self, client: _Client) -> None:
        del self._clients[client.connection]
        self._selector.unregister(client.connection)
        client.connection.close()


class _Client:
    """A connection, and how far its request and the answer are.

    Args:
        connection: does not block.
        deadline: when it is closed, whatever its state.
    """

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline
        self.request = RequestReader()
        self.answer: bytes | None = None

    def read(self) -> bool:
        """Read what has come, and return whether the request is complete."""
        return self.request.feed(self.connection.recv(self.request.free))

    def write(self) -> bool:
        """Send as much of the answer as fits, and return whether all of it is sent."""
        self.answer = (self.answer or b"")[self.connection.send(self.answer or b"") :]
        return not self.answer

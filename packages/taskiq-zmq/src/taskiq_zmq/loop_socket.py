"""A ZeroMQ socket on an event loop, without an asyncio object per operation."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import zmq

MESSAGES_PER_TURN: Final = 64
"""Messages that are read before other callbacks of the loop get their turn."""
MAX_PARTS: Final = 8
"""Parts of a message that are kept; a message with more is not one of ours."""


class LoopSocket:
    """Reads a socket whenever there is something to read, and sends without waiting.

    The file descriptor of a ZeroMQ socket is edge-triggered: it says once that something changed,
    and any operation on the socket may swallow that signal. So each reading goes on until nothing
    is left, and each sending looks afterwards whether something came meanwhile.

    Args:
        socket: ready to use, and this object's alone from now on.
        on_message: called with the parts of each message; must not close the socket.

    Raises:
        NotImplementedError: the event loop can't watch file descriptors (Windows' default one).
    """

    def __init__(
        self, socket: "zmq.Socket[bytes]", on_message: Callable[[list[bytes]], None]
    ) -> None:
        self.socket = socket
        self._on_message = on_message
        self._loop = asyncio.get_running_loop()
        self._fd = _number(socket, zmq.FD)
        self._is_closed = False
        self._again: asyncio.Handle | None = None
        self._loop.add_reader(self._fd, self._on_readable)
        self._read_soon()

    def send(self, parts: Sequence[bytes]) -> bool:
        """Hand a message to the socket; False if its buffer is full or it has no connection.

        Raises:
            zmq.ZMQError: it can't be sent at all.
        """
        try:
            self.socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            return False
        finally:
            if _number(self.socket, zmq.EVENTS) & zmq.POLLIN:
                self._read_soon()
        return True

    def close(self, linger: float = 0) -> None:
        """Close the socket; what was sent may take `linger` seconds to leave."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._fd)
        if self._again is not None:
            self._again.cancel()
        self.socket.close(int(linger * 1000))

    def read_all(self) -> None:
        """Read until nothing is left; not from within `on_message`."""
        while self._read():
            pass

    def _read_soon(self) -> None:
        if self._again is None and not self._is_closed:
            self._again = self._loop.call_soon(self._on_readable)

    def _on_readable(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if self._read():
            self._read_soon()

    def _read(self) -> bool:
        """Whether there may be more."""
        for _ in range(MESSAGES_PER_TURN):
            if self._is_closed:
                return False
            try:
                parts = self._receive()
            except zmq.Again:
                return False
            self._on_message(parts)
        return True

    def _receive(self) -> list[bytes]:
        parts = [self.socket.recv(zmq.NOBLOCK)]
        while self.socket.getsockopt(zmq.RCVMORE):
            part = self.socket.recv(zmq.NOBLOCK)
            if len(parts) < MAX_PARTS:
                parts.append(part)
        return parts


def _number(socket: "zmq.Socket[bytes]", option: int) -> int:
    value = socket.getsockopt(option)
    assert isinstance(value, int)  # noqa: S101  # an option whose value is a number, for type checkers
    return value

"""LoopSocket: a ZeroMQ socket on an event loop, without an asyncio object per operation."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import zmq

MESSAGES_PER_TURN: Final = 64
"""Messages that are read before other callbacks of the loop get their turn."""
MAX_PARTS: Final = 8
"""Parts of a message that are kept; a message of this protocol has fewer."""


class LoopSocket:
    """Reads a socket when it becomes readable, and sends without waiting.

    The file descriptor of a ZeroMQ socket is edge-triggered: it signals once that something
    changed, and any operation on the socket may consume that signal. So a read goes on until
    nothing is left, and a send looks afterwards whether something came meanwhile.

    Args:
        socket: ready to use, and used by this object alone from now on.
        on_message: called with the parts of each message; must not close the socket.
        tracks_source: whether `source` is set for each message.

    Attributes:
        source: file descriptor of the connection that the latest message came over; -1 if unknown.

    Raises:
        NotImplementedError: the event loop can't watch file descriptors (Windows' default one).
    """

    def __init__(
        self,
        socket: "zmq.Socket[bytes]",
        on_message: Callable[[list[bytes]], None],
        *,
        tracks_source: bool = False,
    ) -> None:
        self.socket = socket
        self.source = -1
        self._on_message = on_message
        self._receive_first = self._receive_tracked if tracks_source else self._receive_plain
        self._loop = asyncio.get_running_loop()
        self._fd = _number(socket, zmq.FD)
        self._is_closed = False
        self._again: asyncio.Handle | None = None
        self._loop.add_reader(self._fd, self._on_readable)
        self._read_soon()

    def send(self, parts: Sequence[bytes]) -> bool:
        """Hand a message to the socket.

        Returns:
            False if the socket's buffer is full, or it has no connection.

        Raises:
            zmq.ZMQError: the message can't be sent at all.
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
        """Close the socket; sent messages get `linger` seconds to leave."""
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
        """Read one turn's messages, and return whether more may be waiting."""
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
        parts = [self._receive_first()]
        while self.socket.getsockopt(zmq.RCVMORE):
            part = self.socket.recv(zmq.NOBLOCK)
            if len(parts) < MAX_PARTS:
                parts.append(part)
        return parts

    def _receive_plain(self) -> bytes:
        return self.socket.recv(zmq.NOBLOCK)

    def _receive_tracked(self) -> bytes:
        frame = self.socket.recv(zmq.NOBLOCK, copy=False)
        try:
            self.source = frame.get(zmq.SRCFD)
        except zmq.ZMQError:
            self.source = -1  # a peer of ZMTP before 3.0
        return frame.bytes


def _number(socket: "zmq.Socket[bytes]", option: int) -> int:
    value = socket.getsockopt(option)
    assert isinstance(value, int)  # noqa: S101  # an option whose value is a number, for type checkers
    return value

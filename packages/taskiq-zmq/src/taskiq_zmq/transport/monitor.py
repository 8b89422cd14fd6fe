"""Monitor: the events of a socket's connections."""

from collections.abc import Callable
from typing import Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from taskiq_zmq.transport.loop_socket import LoopSocket

HANDSHAKE_FAILURES: Final = (
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL
    | zmq.Event.HANDSHAKE_FAILED_PROTOCOL
    | zmq.Event.HANDSHAKE_FAILED_AUTH
)
WATCHED: Final = (
    zmq.Event.ACCEPTED | zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.DISCONNECTED | HANDSHAKE_FAILURES
)


class Monitor:
    """Calls back when a connection is accepted, is ready, is lost or fails its handshake.

    Args:
        socket: the socket to monitor; not bound or connected yet.
        on_event: called with the kind of the event, and its value: for ACCEPTED and DISCONNECTED,
            the connection's file descriptor.
    """

    def __init__(
        self, socket: "zmq.Socket[bytes]", on_event: Callable[[zmq.Event, int], None]
    ) -> None:
        self._monitored = socket
        self._on_event = on_event
        self._socket = LoopSocket(socket.get_monitor_socket(WATCHED), self._read)

    def close(self) -> None:
        """Stop calling back; to be called before the monitored socket is closed."""
        self._monitored.disable_monitor()
        self._socket.close()

    def _read(self, parts: list[bytes]) -> None:
        message = parse_monitor_message(parts)
        self._on_event(zmq.Event(message["event"]), message["value"])

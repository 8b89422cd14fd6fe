"""The options that both ends of a connection share: sizes, heartbeats, keys."""

from dataclasses import dataclass, field
from typing import Final

import zmq

from taskiq_zmq.protocol.outbox import BATCH_BYTES
from taskiq_zmq.transport.addresses import Address
from taskiq_zmq.transport.curve import CurveKeys

RECORD_OVERHEAD: Final = 300_000
"""Bytes of a record at most beside the message in it: the texts of a dead letter."""
MAX_BATCHES: Final = 32
"""Batches that libzmq holds for one connection in each direction; more wait at the sender."""
_RECONNECT_MILLISECONDS: Final = 50
_RECONNECT_MAX_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeats:
    """How a connection is known to stand while nothing is sent.

    libzmq exchanges heartbeats in a thread of its own: a worker that is busy with a plain function
    keeps its connection, one that is stopped or cut off loses it.

    Attributes:
        interval: seconds between two heartbeats.
        timeout: seconds of silence that end a connection. A worker without a connection
            opens a new socket after as long.
    """

    interval: float = 1.0
    timeout: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.interval < self.timeout:
            raise ValueError("Heartbeats: interval must be above 0 and below timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOptions:
    """Options of every socket.

    Attributes:
        max_message_size: bytes that one task or result may have.
    """

    heartbeats: Heartbeats = field(default_factory=Heartbeats)
    curve: CurveKeys | None = None
    max_message_size: int = 16 * 1024 * 1024

    @property
    def max_batch_size(self) -> int:
        """Bytes that one batch may have."""
        return self.max_message_size + RECORD_OVERHEAD + BATCH_BYTES

    def prepare(self, socket: "zmq.Socket[bytes]", address: Address) -> None:
        """Set the shared options, before the socket is bound or connected."""
        socket.linger = 0
        socket.maxmsgsize = self.max_batch_size
        socket.sndhwm = socket.rcvhwm = MAX_BATCHES
        socket.ipv6 = address.is_ipv6
        socket.heartbeat_ivl = int(self.heartbeats.interval * 1000)
        socket.heartbeat_timeout = int(self.heartbeats.timeout * 1000)
        socket.reconnect_ivl = _RECONNECT_MILLISECONDS
        socket.reconnect_ivl_max = _RECONNECT_MAX_MILLISECONDS

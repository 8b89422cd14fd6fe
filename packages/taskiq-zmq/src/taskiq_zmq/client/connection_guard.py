"""ConnectionGuard: ends the connections of peers that break the protocol, and logs strangers."""

import logging
from collections.abc import Callable
from typing import Final

from taskiq_zmq.client.timers import Timers
from taskiq_zmq.transport.connections import Connections
from taskiq_zmq.transport.rate_limited_log import RateLimitedLog

CHECK_INTERVAL: Final = 0.1
"""Seconds between two checks for messages without an end; longer with many connections."""
_PER_CONNECTION: Final = 0.0005
LINES_OF_PEERS: Final = 5
"""Log lines about disconnected peers per period."""
REPORT_AFTER: Final = 1.0
"""Seconds after a lost connection in which a worker's loss explains it."""


class ConnectionGuard:
    """Watches the connections of a bound socket.

    Args:
        bound_address: of the socket.
        limit: bytes that one message may have.
        is_trusting: whether only trusted peers can connect, so that messages need no watch.
        read_all: reads all complete messages.
        limited_log: receives the warnings.
    """

    def __init__(
        self,
        bound_address: str,
        limit: int,
        *,
        is_trusting: bool,
        read_all: Callable[[], None],
        limited_log: RateLimitedLog,
    ) -> None:
        self._bound_address = bound_address
        self._connections = Connections(bound_address, limit)
        self._is_trusting = is_trusting
        self._read_all = read_all
        self._limited_log = limited_log
        self._timers = Timers()
        self._unexplained = 0
        """Lost connections, less those of workers and of peers that were disconnected."""
        self.heard = self._connections.heard

    def close(self) -> None:
        """Stop watching."""
        self._timers.cancel()

    def disconnect(self, source: int, reason: str) -> None:
        """End the connection of a peer that breaks the protocol."""
        self._limited_log.log(
            logging.WARNING,
            "Disconnected a peer of %s: %s",
            self._bound_address,
            reason,
            burst=LINES_OF_PEERS,
        )
        self.explain_loss()
        self._connections.shut_down(source)

    def explain_loss(self) -> None:
        """Note that one lost connection was a worker's, or is logged already."""
        self._unexplained -= 1

    def on_accepted(self, source: int) -> None:
        """Watch a new connection."""
        if not self._is_trusting:
            self._connections.accepted(source)
            self._check_later()

    def on_disconnected(self, source: int) -> None:
        """Forget a lost connection."""
        self._connections.closed(source)
        self._unexplained += 1
        self._timers.set("report", REPORT_AFTER, self._report)

    def on_refused(self) -> None:
        """Log a connection that failed its handshake."""
        self._limited_log.warning(
            "A connection to %s was refused: it does not speak ZeroMQ, or does not have the right "
            "CURVE keys",
            self._bound_address,
        )

    def _check(self) -> None:
        for source in self._connections.find_endless(self._read_all):
            self._connections.closed(source)
            self.disconnect(source, "its message is larger than max_message_size allows")
        self._check_later()

    def _check_later(self) -> None:
        count = len(self._connections)
        if count:
            self._timers.set("check", CHECK_INTERVAL + count * _PER_CONNECTION, self._check)

    def _report(self) -> None:
        if self._unexplained > 0:
            self._limited_log.warning(
                "A connection to %s ended that was not a worker's: it sent garbage, or a message "
                "larger than max_message_size allows",
                self._bound_address,
            )
        self._unexplained = 0

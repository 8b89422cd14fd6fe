"""The workers that a hub is connected to, and the results that each of them watches."""

from collections.abc import Iterator
from typing import Final

from taskiq_zmq.client.dispatch import Consumer
from taskiq_zmq.protocol.outbox import Outbox

MAX_WATCHED: Final = 100_000
"""Results that one worker may watch."""
MAX_WATCHED_BYTES: Final = 16 * 1024 * 1024
"""Bytes of their ids."""


class Peer:
    """One connection of one worker.

    Attributes:
        identity: libzmq's name of the connection.
        source: file descriptor of the connection.
        consumer: the worker's credit and deliveries.
        outbox: records to send to it.
        is_recalled: whether it takes back its unused credit at the end of this turn.
        wants: whether it was sent a WANT since its last credit.
        heard: whether a batch came from it since the last check.
        watching: tasks whose results it watches.
        watched_bytes: bytes of their ids.
    """

    __slots__ = (
        "consumer",
        "heard",
        "identity",
        "is_recalled",
        "outbox",
        "source",
        "wants",
        "watched_bytes",
        "watching",
    )

    def __init__(self, identity: bytes, source: int, epoch: int, consumer: Consumer) -> None:
        self.identity = identity
        self.source = source
        self.consumer = consumer
        self.outbox = Outbox(epoch)
        self.is_recalled = False
        self.wants = False
        self.heard = True
        self.watching: set[str] = set()
        self.watched_bytes = 0


class Peers:
    """All peers, by identity, by consumer and by the results that they watch."""

    def __init__(self) -> None:
        self._by_identity: dict[bytes, Peer] = {}
        self._by_consumer: dict[Consumer, Peer] = {}
        self._watchers: dict[str, set[Peer]] = {}

    def __len__(self) -> int:
        return len(self._by_identity)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._by_identity.values()))

    def get(self, identity: bytes) -> Peer | None:
        """Return the peer of a connection; None if it did not say HELLO."""
        return self._by_identity.get(identity)

    def of(self, consumer: Consumer) -> Peer:
        """Return the peer that a consumer belongs to."""
        return self._by_consumer[consumer]

    def add(self, peer: Peer) -> None:
        """Add a worker that said HELLO."""
        self._by_identity[peer.identity] = peer
        self._by_consumer[peer.consumer] = peer

    def remove(self, peer: Peer) -> bool:
        """Remove a worker.

        Returns:
            Whether it was there; False if it was removed before.
        """
        if self._by_identity.pop(peer.identity, None) is None:
            return False
        del self._by_consumer[peer.consumer]
        for task_id in peer.watching:
            watchers = self._watchers[task_id]
            watchers.discard(peer)
            if not watchers:
                del self._watchers[task_id]
        return True

    def watch(self, peer: Peer, task_id: str) -> bool:
        """Add a watched result.

        Returns:
            Whether it is watched; False if the peer watches too many.
        """
        if task_id in peer.watching:
            return True
        size = peer.watched_bytes + len(task_id)
        if len(peer.watching) >= MAX_WATCHED or size > MAX_WATCHED_BYTES:
            return False
        peer.watched_bytes = size
        peer.watching.add(task_id)
        self._watchers.setdefault(task_id, set()).add(peer)
        return True

    def watchers(self, task_id: str) -> tuple[Peer, ...]:
        """Return the peers that watch a result."""
        return tuple(self._watchers.get(task_id, ()))

    def forget(self, task_id: str) -> None:
        """Remove all watchers of a result that has come."""
        for peer in self._watchers.pop(task_id, ()):
            peer.watching.discard(task_id)
            peer.watched_bytes -= len(task_id)

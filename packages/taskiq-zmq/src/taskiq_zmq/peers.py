"""The workers that a hub is connected to, and what each of them watches."""

from collections.abc import Iterator
from typing import Final

from taskiq_zmq.backlogs import Account
from taskiq_zmq.outbox import Outbox

MAX_WATCHED: Final = 100_000
"""Results that one worker may wait for."""


class Peer:
    """One connection of one worker.

    Attributes:
        identity: what libzmq calls the connection.
        account: what the worker holds.
        outbox: what it is to be sent.
        is_recalled: whether it wants its unused credit back, at the end of this turn.
        wants: whether it was told that there is more than it gave credit for.
        heard: whether anything came from it since it was last asked whether it is there.
    """

    __slots__ = ("account", "heard", "identity", "is_recalled", "outbox", "wants", "watching")

    def __init__(self, identity: bytes, epoch: int, account: Account) -> None:
        self.identity = identity
        self.account = account
        self.outbox = Outbox(epoch)
        self.is_recalled = False
        self.wants = False
        self.heard = True
        self.watching: set[str] = set()


class Peers:
    """All of them, by identity, by account and by what they watch."""

    def __init__(self) -> None:
        self._by_identity: dict[bytes, Peer] = {}
        self._by_account: dict[Account, Peer] = {}
        self._watchers: dict[str, set[Peer]] = {}

    def __len__(self) -> int:
        return len(self._by_identity)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._by_identity.values()))

    def get(self, identity: bytes) -> Peer | None:
        """The peer of that connection, if it said HELLO."""
        return self._by_identity.get(identity)

    def of(self, account: Account) -> Peer:
        """The peer that an account belongs to."""
        return self._by_account[account]

    def add(self, peer: Peer) -> None:
        """A worker said HELLO."""
        self._by_identity[peer.identity] = peer
        self._by_account[peer.account] = peer

    def remove(self, peer: Peer) -> bool:
        """A worker is gone; False if that was known."""
        if self._by_identity.pop(peer.identity, None) is None:
            return False
        del self._by_account[peer.account]
        for task_id in peer.watching:
            watchers = self._watchers[task_id]
            watchers.discard(peer)
            if not watchers:
                del self._watchers[task_id]
        return True

    def watch(self, peer: Peer, task_id: str) -> bool:
        """The peer wants to know of the task; False if it watches too many."""
        if len(peer.watching) >= MAX_WATCHED:
            return False
        peer.watching.add(task_id)
        self._watchers.setdefault(task_id, set()).add(peer)
        return True

    def watchers(self, task_id: str) -> tuple[Peer, ...]:
        """Who wants to know of the task."""
        return tuple(self._watchers.get(task_id, ()))

    def forget(self, task_id: str) -> None:
        """The watchers of a task know all that there is to know."""
        for peer in self._watchers.pop(task_id, ()):
            peer.watching.discard(task_id)

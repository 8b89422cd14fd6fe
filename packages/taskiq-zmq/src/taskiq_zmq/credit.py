"""How a worker shares its slots among the hubs it is connected to. Pure."""

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from taskiq_core.messages.slots import Slots

MAX_UNUSED: Final = 1_000
"""Unused credit that one hub has at most; what bounds it for a worker without a limit."""

_Hub = TypeVar("_Hub", bound=Hashable)


class Share:
    """What one hub was granted.

    Attributes:
        granted: deliveries it may send, in total since it was joined.
        received: deliveries it has sent.
        wants: whether it said that it has more to send than credit.
        is_recalling: whether it was asked to give back what it can't use now.
        turn: grows with each grant; who has the lowest was granted something longest ago.
    """

    __slots__ = ("granted", "is_recalling", "received", "turn", "wants")

    def __init__(self) -> None:
        self.granted = 0
        self.received = 0
        self.wants = False
        self.is_recalling = False
        self.turn = 0

    @property
    def unused(self) -> int:
        """Deliveries that may still come."""
        return self.granted - self.received


class CreditPool(Generic[_Hub]):
    """Grants so much credit that all hubs together never send more than there are slots.

    Idle hubs share the credit evenly, so that each can send at once. A hub that has more to send
    than credit wants more: it gets what becomes free, and what others have not used is recalled for
    it.

    Args:
        slots: the places in this worker; `granted` is how many deliveries it had room for so far.
    """

    def __init__(self, slots: Slots) -> None:
        self.shares: dict[_Hub, Share] = {}
        self._slots = slots
        self._turn = 0
        self._spent = 0
        """Deliveries that came from hubs which are gone."""

    def join(self, hub: _Hub) -> None:
        """A hub is there; it has no credit yet."""
        self.shares[hub] = Share()

    def leave(self, hub: _Hub, unused: int = 0) -> None:
        """A hub is gone, and its unused credit with it.

        Args:
            hub: which.
            unused: deliveries that came from it and will take no slot.
        """
        share = self.shares.pop(hub, None)
        if share is not None:
            self._spent += share.received - unused

    def receive(self, hub: _Hub) -> bool:
        """A delivery came; False if there was no credit for it."""
        share = self.shares.get(hub)
        if share is None or share.unused <= 0:
            return False
        share.received += 1
        return True

    def want(self, hub: _Hub) -> None:
        """A hub has more to send than credit."""
        share = self.shares.get(hub)
        if share is not None and share.unused <= 0:
            share.wants = True

    def recalled(self, hub: _Hub) -> None:
        """A hub answered a recall: it sends nothing beyond what has come."""
        share = self.shares.get(hub)
        if share is not None:
            share.granted = share.received
            share.is_recalling = False

    def grow(self) -> Iterator[tuple[_Hub, int]]:
        """Grant what is free; whose total has grown, and to what."""
        spare = self._slots.granted - self._spent - sum(s.granted for s in self.shares.values())
        open_shares = [(hub, s) for hub, s in self.shares.items() if not s.is_recalling]
        takers = [each for each in open_shares if each[1].wants] or open_shares
        takers.sort(key=lambda each: (each[1].unused, each[1].turn))
        for left, (hub, share) in zip(range(len(takers), 0, -1), takers, strict=True):
            grant = min(-(-spare // left), MAX_UNUSED - share.unused)
            if grant <= 0:
                continue
            spare -= grant
            share.granted += grant
            self._turn += 1
            share.turn = self._turn
            share.wants = False
            yield hub, share.granted

    def recall(self) -> list[_Hub]:
        """Hubs to take unused credit back from, since others want it."""
        if not any(share.wants for share in self.shares.values()):
            return []
        idle = [hub for hub, s in self.shares.items() if s.unused > 0 and not s.is_recalling]
        for hub in idle:
            self.shares[hub].is_recalling = True
        return idle

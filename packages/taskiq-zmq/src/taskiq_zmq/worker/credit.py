"""CreditPool: shares a worker's slots among the hubs that it is connected to; without I/O."""

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from taskiq_core.messages.slots import Slots

MAX_UNUSED: Final = 1_000
"""Unused credit that one hub has at most; bounds the credit of a worker without a limit."""

_Hub = TypeVar("_Hub", bound=Hashable)


class Share:
    """The credit of one hub.

    Attributes:
        granted: deliveries that it may send, in total since it joined.
        received: deliveries that it has sent.
        wants: whether it has more to send than credit.
        is_recalling: whether its unused credit is being recalled.
        turn: grows with each grant; the hub with the lowest was granted credit longest ago.
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
    """Grants credit so that all hubs together never send more than there are slots.

    Idle hubs share the credit evenly, so that each can send at once. A hub that has more to send
    than credit gets slots as they become free, and the unused credit of other hubs is recalled for
    it.

    Args:
        slots: of this worker; `granted` counts the deliveries that it has had slots for.
    """

    def __init__(self, slots: Slots) -> None:
        self.shares: dict[_Hub, Share] = {}
        self._slots = slots
        self._turn = 0
        self._spent = 0
        """Deliveries of hubs that are gone."""

    def join(self, hub: _Hub) -> None:
        """Add a hub, without credit."""
        self.shares[hub] = Share()

    def leave(self, hub: _Hub, unused: int = 0) -> None:
        """Remove a hub, and its unused credit.

        Args:
            hub: the hub.
            unused: its deliveries that will not take a slot.
        """
        share = self.shares.pop(hub, None)
        if share is not None:
            self._spent += share.received - unused

    def receive(self, hub: _Hub) -> bool:
        """Count a delivery.

        Returns:
            Whether the hub had credit for it.
        """
        share = self.shares.get(hub)
        if share is None or share.unused <= 0:
            return False
        share.received += 1
        return True

    def want(self, hub: _Hub) -> None:
        """Note that a hub has more to send than credit."""
        share = self.shares.get(hub)
        if share is not None and share.unused <= 0:
            share.wants = True

    def recalled(self, hub: _Hub) -> None:
        """Take back the unused credit of a hub that answered a recall."""
        share = self.shares.get(hub)
        if share is not None:
            share.granted = share.received
            share.is_recalling = False

    def grow(self) -> Iterator[tuple[_Hub, int]]:
        """Grant the free slots.

        Returns:
            The hubs whose credit has grown, each with its total.
        """
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
        """Return the hubs to recall unused credit from, since others want it."""
        if not any(share.wants for share in self.shares.values()):
            return []
        idle = [hub for hub, s in self.shares.items() if s.unused > 0 and not s.is_recalling]
        for hub in idle:
            self.shares[hub].is_recalling = True
        return idle

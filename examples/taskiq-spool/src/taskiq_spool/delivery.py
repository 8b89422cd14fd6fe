"""A claimed file, and what becomes of it."""

import asyncio
from typing import Protocol

from taskiq_core import Delivery
from taskiq_core.exceptions import LeaseLostError
from taskiq_spool.letters import write_letter
from taskiq_spool.spool import Claim, Spool


class Holder(Protocol):
    """Who keeps the claims of a worker, to let go of them when it stops."""

    def let_go(self, claim: Claim) -> None:
        """The claim is over."""


class FileDelivery(Delivery):
    """One message in the hands of one worker: a file that no other worker can lock."""

    __slots__ = ("_claim", "_holder", "_spool")

    def __init__(self, claim: Claim, spool: Spool, holder: Holder) -> None:
        _, _, message = claim.path.read_bytes().partition(b"\n")
        super().__init__(message, attempt=claim.name.attempt, unsettled=claim.name.unsettled)
        self._claim = claim
        self._spool = spool
        self._holder = holder

    async def ack(self) -> None:
        """Delete the file."""
        self._settled(self._spool.forget(self._claim))

    async def release(self, delay: float = 0) -> None:
        """Put the file back; after a delay, it stays ours for as long."""
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._put_back)
        else:
            self._settled(self._put_back())

    async def bury(self, reason: str, error: str | None = None) -> None:
        """Keep the file, with the reason beside it."""
        self._settled(write_letter(self._spool, self._claim, reason, error))

    def _put_back(self) -> bool:
        self._holder.let_go(self._claim)
        return self._spool.put_back(self._claim)

    def _settled(self, was_ours: bool) -> None:
        self._holder.let_go(self._claim)
        if not was_ours:
            raise LeaseLostError(reason="it was settled before, or its worker was stopped")

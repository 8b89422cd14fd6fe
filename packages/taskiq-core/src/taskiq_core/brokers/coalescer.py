"""Coalescer: joins concurrent calls into one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


class Coalescer(Generic[_Item, _Outcome]):
    """Joins the items of one turn of the event loop into one call; for brokers over a network.

    A lone item leaves at the end of the turn it came in. Items that come while a call is under
    way leave together when it has ended, so that calls grow with the load. The item of a caller
    that is cancelled is performed all the same.

    Args:
        perform: the call for several items. Returns an outcome for each item, in their order; an
            outcome that is an exception is raised to its caller. An exception that `perform`
            raises is raised to all callers.
        most: items in one call at most.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[_Item]], Awaitable[Sequence[_Outcome | BaseException]]],
        *,
        most: int = 1_000,
    ) -> None:
        self._perform = perform
        self._most = most
        self._items: list[_Item] = []
        self._futures: list[asyncio.Future[_Outcome]] = []
        self._calling: asyncio.Task[None] | None = None

    def __call__(self, item: _Item) -> asyncio.Future[_Outcome]:
        """Add an item to the next call.

        Returns:
            A future of the outcome.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Outcome] = loop.create_future()
        self._items.append(item)
        self._futures.append(future)
        if self._calling is None:
            self._calling = loop.create_task(self._call_until_empty())
        return future

    @property
    def is_calling(self) -> bool:
        """Whether a call is under way, or items wait for one."""
        return self._calling is not None

    async def wait_idle(self) -> None:
        """Wait until nothing is under way."""
        while self._calling is not None:
            await asyncio.wait({self._calling})

    async def _call_until_empty(self) -> None:
        try:
            while self._items:
                items, self._items = self._items[: self._most], self._items[self._most :]
                futures = self._futures[: self._most]
                self._futures = self._futures[self._most :]
                await self._call(items, futures)
        finally:
            self._calling = None

    async def _call(
        self, items: Sequence[_Item], futures: Sequence[asyncio.Future[_Outcome]]
    ) -> None:
        try:
            outcomes = await self._perform(items)
            pairs = list(zip(futures, outcomes, strict=True))
        except BaseException as error:
            for future in futures:
                _fail(future, error)
            if not isinstance(error, Exception):
                raise
            return
        for future, outcome in pairs:
            if isinstance(outcome, BaseException):
                _fail(future, outcome)
            elif not future.done():
                future.set_result(outcome)


def _fail(future: "asyncio.Future[_Outcome]", error: BaseException) -> None:
    if future.done():
        return
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(error)

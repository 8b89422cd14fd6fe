"""Cancelling a coroutine at each of the places where it waits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any, Final, Generic, TypeVar

_Value = TypeVar("_Value")

MOST_PLACES: Final = 15
"""Places that are tried of one coroutine."""
LONGEST: Final = 5.0
"""Seconds after which a coroutine is cancelled although it is not at its place yet."""


class Moment(StrEnum):
    """When a coroutine is cancelled at one of its places."""

    WAITING = "waiting"
    """While it waits there."""
    WOKEN = "woken"
    """When what it waits for is there, and it has not gone on yet: the moment that loses things."""


@dataclass(frozen=True, slots=True)
class Interruption(Generic[_Value]):
    """What came of a coroutine that was cancelled.

    Attributes:
        place: which of its places it was, from 1.
        value: what it returned, if it did.
        is_finished: whether it returned.
        was_reached: whether it has so many places at all.
    """

    place: int
    value: _Value | None
    is_finished: bool
    was_reached: bool


async def cancelled_everywhere(
    make: Callable[[int], Coroutine[Any, Any, _Value]],
    moment: Moment,
) -> AsyncIterator[Interruption[_Value]]:
    """Run coroutines one after another, and cancel each one place later than the one before.

    Ends with the first one that has fewer places, and so was not cancelled.

    Args:
        make: makes the next one; gets the place.
        moment: when to cancel there.
    """
    for place in count(1):
        interruption = await interrupt(make(place), place, moment)
        yield interruption
        if not interruption.was_reached or place >= MOST_PLACES:
            return


async def interrupt(
    coroutine: Coroutine[Any, Any, _Value],
    place: int,
    moment: Moment,
) -> Interruption[_Value]:
    """Run a coroutine and cancel it at one place; an exception of its own goes on.

    Args:
        coroutine: what to cancel.
        place: where it is cancelled: which of its awaits, from 1.
        moment: when it is cancelled there.

    Returns:
        How it ended.
    """
    watched = _Watched(coroutine, place, moment)
    task = asyncio.ensure_future(watched.run())
    _, endless = await asyncio.wait({task}, timeout=LONGEST)
    if endless:  # what it waits for does not come by itself
        task.cancel()
        await asyncio.wait({task})
    if task.cancelled():
        return Interruption(place, None, is_finished=False, was_reached=True)
    return Interruption(place, task.result(), is_finished=True, was_reached=watched.was_reached)


class _Watched(Generic[_Value]):
    """A coroutine whose places are counted as it goes."""

    def __init__(self, coroutine: Coroutine[Any, Any, _Value], place: int, moment: Moment) -> None:
        self.was_reached = False
        self._coroutine = coroutine
        self._place = place
        self._moment = moment

    async def run(self) -> _Value:
        return await self

    def __await__(self) -> Generator[Any, Any, _Value]:
        # What `yield from` does, with a look at what passes.
        inner = self._coroutine.__await__()
        go_on: Callable[[Any], Any] = inner.send
        given: Any = None
        for place in count(1):
            try:
                waited_for = go_on(given)
            except StopIteration as stop:
                value: _Value = stop.value
                return value
            if place == self._place:
                self._cancel_at(waited_for)
            try:
                given = yield waited_for
                go_on = inner.send
            except BaseException as error:  # noqa: BLE001  # the coroutine gets it
                given = error
                go_on = inner.throw
        raise AssertionError("counting has no end")

    def _cancel_at(self, waited_for: object) -> None:
        self.was_reached = True
        task = asyncio.current_task()
        if task is None:
            return
        if self._moment is Moment.WOKEN and isinstance(waited_for, asyncio.Future):
            # Before the task's own callback: it is cancelled with the result in its hands.
            waited_for.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)

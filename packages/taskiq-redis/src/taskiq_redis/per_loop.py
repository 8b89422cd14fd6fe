"""PerLoop: connections belong to the event loop that opened them."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

_Thing = TypeVar("_Thing")


class PerLoop(Generic[_Thing]):
    """One thing for each event loop that asks for it, made when it first does.

    A program may use one broker in several loops: one after the other, as with `asyncio.run` in a
    script, or side by side in threads.

    Args:
        make: makes the thing of a loop.
    """

    def __init__(self, make: Callable[[], _Thing]) -> None:
        self._make = make
        self._things: WeakKeyDictionary[asyncio.AbstractEventLoop, _Thing] = WeakKeyDictionary()

    def get(self) -> _Thing:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        thing = self._things.get(loop)
        if thing is None:
            thing = self._things[loop] = self._make()
        return thing

    def pop(self) -> _Thing | None:
        """That of the running loop, which is to be ended; None if there is none."""
        return self._things.pop(asyncio.get_running_loop(), None)

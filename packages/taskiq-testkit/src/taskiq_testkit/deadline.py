"""Waiting for what must come, with a deadline and words for when it does not."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

_Found = TypeVar("_Found")

LOOK: Final = 0.01
"""Seconds between two looks at something that has no event."""


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncGenerator[None, None]:
    """Fail with `what` if the block takes longer than that.

    Raises:
        AssertionError: it did.
    """
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            yield
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise AssertionError(f"{what} did not happen within {seconds:g} s") from error


async def until(look: Callable[[], Awaitable[_Found]], *, patience: float, what: str) -> _Found:
    """Look again and again until there is something true.

    Args:
        look: returns what is waited for, or something false.
        patience: how long to look, in seconds.
        what: names it, for the error.

    Returns:
        What `look` returned at last.

    Raises:
        AssertionError: there was nothing in time.
    """
    async with within(patience, what):
        while not (found := await look()):  # noqa: ASYNC110  # what has no event
            await asyncio.sleep(LOOK)
        return found

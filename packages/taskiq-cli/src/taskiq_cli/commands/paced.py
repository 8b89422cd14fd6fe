"""Many items in lots, at most so many in a second."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import islice
from typing import Final

LOT: Final = 100
"""Items of one lot at most."""
_LOTS_PER_SECOND: Final = 10.0


async def paced(items: Sequence[str], rate: float | None) -> AsyncGenerator[Sequence[str], None]:
    """Yield lots of items, each as soon as the rate allows it.

    Args:
        items: all of them.
        rate: items in a second at most; None for no limit.
    """
    size = LOT if rate is None else min(LOT, max(1, int(rate / _LOTS_PER_SECOND)))
    loop = asyncio.get_running_loop()
    start, done, rest = loop.time(), 0, iter(items)
    while lot := list(islice(rest, size)):
        if rate is not None:
            await asyncio.sleep(max(0.0, start + done / rate - loop.time()))
        yield lot
        done += len(lot)

"""Live pages: server-sent events that say when to read a page again."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from taskiq_web.errors import RequestRefusedError
from taskiq_web.reads.feed import SnapshotFeed, Tick


def event_stream(request: Request, feed: SnapshotFeed) -> Response:
    """Return a response that goes on until the viewer leaves.

    Raises:
        RequestRefusedError: too many viewers are there.
    """
    del request
    if feed.is_full:
        raise RequestRefusedError(status=503, reason="Too many live pages are open.")
    return StreamingResponse(_events(feed), media_type="text/event-stream")


async def _events(feed: SnapshotFeed) -> AsyncGenerator[bytes, None]:
    yield b"retry: 3000\n\n"
    async with aclosing(feed.ticks()) as ticks:
        async for tick in ticks:
            yield _event(tick)


def _event(tick: Tick) -> bytes:
    name = "error-tick" if tick.error else "changed" if tick.is_changed else "quiet"
    data = json.dumps({"number": tick.number})
    return f"event: {name}\ndata: {data}\n\n".encode()

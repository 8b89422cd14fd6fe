"""The start and end of an application, in a process without a server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp, Message

from taskiq_fastapi.errors import ApplicationError


@asynccontextmanager
async def asgi_lifespan(app: ASGIApp) -> AsyncGenerator[dict[str, Any]]:
    """Run the lifespan of an application meanwhile.

    Source: the lifespan protocol of the ASGI specification, version 2.0.

    Args:
        app: an ASGI application; one that raises instead of answering does without a lifespan.

    Yields:
        What the application has put into `scope["state"]`.

    Raises:
        ApplicationError: its start or its end failed.
    """
    state: dict[str, Any] = {}
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message | None] = asyncio.Queue()

    async def run() -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
        try:
            await app(scope, to_app.get, from_app.put)
        finally:
            from_app.put_nowait(None)  # it has ended

    async def step(name: str) -> bool:
        to_app.put_nowait({"type": f"lifespan.{name}"})
        answer = await from_app.get()
        if answer is not None and answer["type"] == f"lifespan.{name}.failed":
            text = answer.get("message", "")
            raise ApplicationError(reason=f"The {name} of the application failed:\n{text}")
        return answer is not None

    running = asyncio.create_task(run())
    try:
        has_lifespan = await step("startup")
        yield state
        if has_lifespan:
            await step("shutdown")
    except BaseException:
        running.cancel()  # it would wait for its shutdown
        raise
    finally:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # read, as the answer said it before

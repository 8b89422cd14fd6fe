from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from taskiq import broker_from_url

broker = broker_from_url()


@broker.task
async def add(first: int, second: int) -> int:
    return first + second


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    if broker.is_worker_process:
        yield
        return
    async with broker:
        yield


async def send(_: Request) -> JSONResponse:
    task = await add.kiq(1, 2)
    return JSONResponse({"task_id": task.task_id}, status_code=202)


app = Starlette(routes=[Route("/add", send, methods=["POST"])], lifespan=lifespan)

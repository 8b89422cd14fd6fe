from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, status
from fastapi.security import APIKeyHeader

import taskiq_fastapi
from taskiq import broker_from_url

broker = broker_from_url()  # TASKIQ_BROKER_URL, or else a file: sqlite:///taskiq.db
taskiq_fastapi.init(broker, "app:app")


class Greetings:
    def greeting(self) -> str:
        return "Hello"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with taskiq_fastapi.broker_lifespan(broker):
        app.state.greetings = Greetings()  # in the server, and in each worker
        yield


def get_greetings(request: Request) -> Greetings:
    return request.app.state.greetings


@broker.task(task_name="greet")
async def greet(name: str, greetings: Greetings = Depends(get_greetings)) -> str:
    return f"{greetings.greeting()}, {name}!"


api_key = APIKeyHeader(name="key", auto_error=False)


def authorize(key: Annotated[str | None, Depends(api_key)]) -> None:
    if key != "a secret":
        raise HTTPException(status.HTTP_401_UNAUTHORIZED)


app = FastAPI(lifespan=lifespan)
app.include_router(
    taskiq_fastapi.task_router(broker, tasks=[greet], authorize=authorize, prefix="/tasks")
)


@app.get("/hello/{name}")
def hello(name: str, greetings: Annotated[Greetings, Depends(get_greetings)]) -> str:
    return f"{greetings.greeting()}, {name}!"

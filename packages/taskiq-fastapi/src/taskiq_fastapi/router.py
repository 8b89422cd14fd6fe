"""Routes that send tasks and show what has become of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, HTTPException, Request, Response, status
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.exceptions import CapabilityError, ResultGetError
from taskiq_core.messages.result import TaskiqResult
from taskiq_fastapi.task_call import TaskCall
from taskiq_fastapi.task_events import event_id, task_events


class TaskSent(BaseModel):
    """The answer to a call."""

    task_id: str


class TaskError(BaseModel):
    """What a task raised, without its traceback."""

    type: str
    message: str


class TaskStatus(BaseModel):
    """How far a task is."""

    task_id: str
    is_ready: bool
    return_value: Any = None
    error: TaskError | None = None
    progress: Any = None


class TaskAbort(BaseModel):
    """Where a task was that is to be aborted."""

    task_id: str
    found: str


def task_router(
    broker: AsyncBroker,
    *,
    tasks: Sequence[AsyncTaskiqDecoratedTask[..., Any]],
    authorize: Callable[..., Any],
    prefix: str = "",
) -> APIRouter:
    """Return routes for tasks: send, look, abort, and follow by server-sent events.

    | route | answer |
    | --- | --- |
    | `POST /{task_name}` with the arguments as JSON object | 202, the id, and `Location` |
    | `GET /{task_id}` | whether it is ready, and its value or error |
    | `DELETE /{task_id}` | where it was found |
    | `GET /{task_id}/events` | events `progress` and `result`, until it has ended |

    Args:
        broker: has the result backend.
        tasks: the tasks that may be sent; others are 404.
        authorize: a dependency of every route; it raises HTTPException for a caller who may not.
        prefix: of the paths.
    """
    router = APIRouter(prefix=prefix, dependencies=[Depends(authorize)], tags=["tasks"])
    _add_sending(router, {task.task_name: TaskCall(task) for task in tasks})
    _add_looking(router, broker)
    _add_events(router, broker)
    return router


def _add_sending(router: APIRouter, calls: Mapping[str, TaskCall]) -> None:
    @router.post("/{task_name}", status_code=status.HTTP_202_ACCEPTED)
    async def send_task(
        task_name: str,
        request: Request,
        response: Response,
        arguments: Annotated[dict[str, Any] | None, Body()] = None,
    ) -> TaskSent:
        call = calls.get(task_name)
        if call is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"There is no task {task_name!r}")
        task_id = await call.send(arguments or {})
        folder = request.url.path.rpartition("/")[0]  # of this router, where there are several
        response.headers["Location"] = str(
            request.url.replace(path=f"{folder}/{task_id}", query="")
        )
        return TaskSent(task_id=task_id)


def _add_looking(router: APIRouter, broker: AsyncBroker) -> None:
    @router.get("/{task_id}")
    async def task_status(task_id: str) -> TaskStatus:
        backend = broker.result_backend
        progress = await backend.get_progress(task_id)
        meta = None if progress is None else progress.model_dump()
        if not await backend.is_result_ready(task_id):
            return TaskStatus(task_id=task_id, is_ready=False, progress=meta)
        try:
            result = await backend.get_result(task_id)
        except ResultGetError as error:
            raise HTTPException(status.HTTP_404_NOT_FOUND, str(error)) from error
        return status_of(task_id, result, meta)

    @router.delete("/{task_id}")
    async def abort_task(task_id: str) -> TaskAbort:
        try:
            found = await broker.abort(task_id)
        except CapabilityError as error:
            raise HTTPException(status.HTTP_501_NOT_IMPLEMENTED, str(error)) from error
        return TaskAbort(task_id=task_id, found=found.value)


def _add_events(router: APIRouter, broker: AsyncBroker) -> None:
    @router.get("/{task_id}/events")
    async def follow_task(
        task_id: str, last_event_id: Annotated[str | None, Header()] = None
    ) -> Response:
        result = await _ready_result(broker, task_id)
        if result is not None and event_id(status_of(task_id, result)) == last_event_id:
            return Response(status_code=status.HTTP_204_NO_CONTENT)  # the browser asks no more
        events = task_events(broker.result_backend, task_id, seen=last_event_id, show=status_of)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def status_of(task_id: str, result: TaskiqResult[Any], progress: Any = None) -> TaskStatus:
    """Return a result as clients see it.

    Args:
        task_id: of the task.
        result: of the task.
        progress: what the task reported last.
    """
    error = result.error
    shown = None if error is None else TaskError(type=type(error).__name__, message=str(error))
    return TaskStatus(
        task_id=task_id,
        is_ready=True,
        return_value=to_jsonable_python(result.return_value, fallback=repr),
        error=shown,
        progress=progress,
    )


async def _ready_result(broker: AsyncBroker, task_id: str) -> TaskiqResult[Any] | None:
    backend = broker.result_backend
    if not await backend.is_result_ready(task_id):
        return None
    try:
        return await backend.get_result(task_id)
    except ResultGetError:
        return None

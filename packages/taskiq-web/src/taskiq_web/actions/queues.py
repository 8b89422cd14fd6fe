"""Actions on queues and the messages in them."""

from typing import Final
from urllib.parse import urlencode

from taskiq_web.access import Action
from taskiq_web.actions.form import refused
from taskiq_web.actions.outcome import ActionOutcome, ActionRequest, ActionRoute
from taskiq_web.reads.broker_queues import arguments_of, known_queue, queue_names


async def pause(request: ActionRequest) -> ActionOutcome:
    """Have a queue hand out nothing until it is resumed."""
    broker = request.state.broker
    queue = await known_queue(broker, request.form.text("queue"))
    await broker.pause(**arguments_of(broker, queue))
    return ActionOutcome(queue, f"Queue {queue} is paused. Running tasks go on.", "queues")


async def resume(request: ActionRequest) -> ActionOutcome:
    """Have a paused queue hand out messages again."""
    broker = request.state.broker
    queue = await known_queue(broker, request.form.text("queue"))
    await broker.resume(**arguments_of(broker, queue))
    return ActionOutcome(queue, f"Queue {queue} hands out messages again.", "queues")


async def purge(request: ActionRequest) -> ActionOutcome:
    """Drop what waits or is delayed; the viewer has typed the name of the queue."""
    broker = request.state.broker
    queue = await known_queue(broker, request.form.text("queue"))
    if request.form.text("typed") != queue:
        raise refused("That is not the name of the queue; nothing was dropped.")
    count = await broker.purge(**arguments_of(broker, queue))
    return ActionOutcome(
        queue, f"{count:,} messages of queue {queue} were dropped.", "queues", count
    )


async def abort(request: ActionRequest) -> ActionOutcome:
    """Abort a task, wherever it is."""
    task_id = request.form.task_id()
    state = await request.state.broker.abort(task_id)
    text = {
        "queued": "It waited, and will not be started.",
        "running": "Its worker was asked to stop it.",
        "finished": "It has ended already; nothing was done.",
        "unknown": "It neither waits nor runs, and no result of it is stored.",
    }[state.value]
    is_done = state.value in ("queued", "running")
    return ActionOutcome(
        task_id,
        f"Task {task_id} is {state.value}: {text}",
        _task(task_id),
        int(is_done),
        is_done,
    )


async def move(request: ActionRequest) -> ActionOutcome:
    """Have a delayed message delivered now."""
    broker, task_id = request.state.broker, request.form.task_id()
    for queue in await queue_names(broker):
        if await broker.move_to_now(task_id, **arguments_of(broker, queue)):
            return ActionOutcome(
                task_id, f"Task {task_id} is not delayed any more.", _task(task_id)
            )
    text = f"Task {task_id} is not among the delayed messages."
    return ActionOutcome(task_id, text, _task(task_id), 0, is_done=False)


def _task(task_id: str) -> str:
    return f"task?{urlencode({'id': task_id})}"


ROUTES: Final = (
    ActionRoute("queues/pause", Action.PAUSE, pause),
    ActionRoute("queues/resume", Action.PAUSE, resume),
    ActionRoute("queues/purge", Action.PURGE, purge),
    ActionRoute("task/abort", Action.ABORT, abort),
    ActionRoute("task/move", Action.MOVE, move),
)

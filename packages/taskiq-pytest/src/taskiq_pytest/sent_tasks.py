"""Checks of what was sent, and their error messages."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.messages.message import TaskiqMessage
from taskiq_pytest.sent_task import SentTask, call_text

_Task = AsyncTaskiqDecoratedTask[..., Any]


def check_times(task: _Task, sent: Sequence[SentTask], times: int | None) -> list[SentTask]:
    """Check how often a task was sent.

    Args:
        task: which.
        sent: everything that was sent.
        times: how often; None for at least once.

    Returns:
        Its calls.

    Raises:
        AssertionError: it was sent more or less often.
    """
    found = [each for each in sent if each.task_name == task.task_name]
    if len(found) == times or (times is None and found):
        return found
    wanted = "at least once" if times is None else _times(times)
    raise AssertionError(
        f"{task.task_name} was sent {_times(len(found))}, not {wanted}. Sent were:{_list(sent)}"
    )


def check_call(
    task: _Task, sent: Sequence[SentTask], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> SentTask:
    """Check that a task was sent with these arguments, by position or by name.

    Args:
        task: which.
        sent: everything that was sent.
        args: by position.
        kwargs: by name.

    Returns:
        The latest such call.

    Raises:
        AssertionError: there is none.
    """
    call = _as_received(task.broker, task.task_name, args, kwargs)
    own = [each for each in sent if each.task_name == task.task_name]
    wanted = _arguments(task, call.args, call.kwargs)
    found = [each for each in own if _arguments(task, each.args, each.kwargs) == wanted]
    if found:
        return found[-1]
    text = call_text(task.task_name, call.args, call.kwargs)
    if own:
        raise AssertionError(f"{text} was not sent, but:{_list(own)}")
    raise AssertionError(f"{text} was not sent. Sent were:{_list(sent)}")


def _as_received(
    broker: AbstractBroker, task_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> TaskiqMessage:
    """Return a call as a worker gets it: models are dicts, tuples are lists."""
    call = TaskiqMessage(
        task_id="expected", task_name=task_name, labels={}, args=[*args], kwargs={**kwargs}
    )
    return broker.formatter.loads(broker.formatter.dumps(call).message)


def _arguments(task: _Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return inspect.signature(task.original_func).bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):  # the function takes other arguments: compared as written
        return {"args": [*args], "kwargs": {**kwargs}}


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _list(tasks: Sequence[SentTask]) -> str:
    return "".join(f"\n  {each!r}" for each in tasks) or " no tasks."

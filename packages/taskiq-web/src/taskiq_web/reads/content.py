"""MessageContent: the labels and arguments of a message, or its bytes where they can't be read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.labels import INTERNAL_LABELS, RETRIES
from taskiq_core.messages.message import TaskiqMessage
from taskiq_web.access import Access
from taskiq_web.render.values import MASK, ValueReader, described

MAX_RAW: Final = 2_000
"""Bytes that are shown of a message that can't be read."""


@dataclass(frozen=True, slots=True)
class MessageContent:
    """What a message says, as far as the viewer may see it.

    Attributes:
        size: of the message, in bytes.
        labels: its labels, without the ones that taskiq sets for itself.
        args: its arguments by position.
        kwargs: its arguments by name.
        is_masked: whether something is masked.
        is_cut: whether something is too long to be shown.
        problem: why it can't be read or shown; empty if it can.
        raw: the beginning of its bytes, where it can't be read.
        python: the call as Python code; empty where the content is not complete.
        why_not_editable: why it can't be edited; empty if it can.
    """

    size: int
    labels: dict[str, Any] = field(default_factory=dict)
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    is_masked: bool = False
    is_cut: bool = False
    problem: str = ""
    raw: str = ""
    python: str = ""
    why_not_editable: str = ""


def read_message(body: bytes, broker: AsyncBroker) -> tuple[TaskiqMessage | None, str]:
    """Return the message that bytes are, or None and why they are not one."""
    try:
        message = broker.formatter.loads(body)
        message.parse_labels()
    except Exception as error:  # noqa: BLE001  # bytes from anywhere, and any formatter
        return None, f"{type(error).__name__}: {error}"
    return message, ""


def content_of(
    body: bytes, broker: AsyncBroker, access: Access, *, max_size: int
) -> MessageContent:
    """Return what a message says.

    Args:
        body: its bytes, which may be anything.
        broker: knows how they are read, and the parameters of its tasks.
        access: of the viewer.
        max_size: a larger message is not read.
    """
    if len(body) > max_size:
        problem = f"It has {len(body):,} bytes; messages of at most {max_size:,} are read."
        return _unread(body, problem, MASK if _masks_names(access) else _raw(body, access))
    message, problem = read_message(body, broker)
    if message is None:
        return _unread(body, problem, _raw(body, access))
    reader = ValueReader(access)
    names = parameter_names(broker, message.task_name)
    own = {name: value for name, value in message.labels.items() if is_own_label(name)}
    args = [
        reader.read(value, name=names[number] if number < len(names) else "")
        for number, value in enumerate(message.args)
    ]
    kwargs = {
        str(name): reader.read(value, name=str(name)) for name, value in message.kwargs.items()
    }
    labels = {str(name): reader.read(value, name=str(name)) for name, value in own.items()}
    is_whole = not (reader.is_masked or reader.is_cut)
    return MessageContent(
        size=len(body),
        labels=labels,
        args=args,
        kwargs=kwargs,
        is_masked=reader.is_masked,
        is_cut=reader.is_cut,
        python=as_python(message, own) if is_whole else "",
        why_not_editable=_why_not_editable(message, reader),
    )


def is_own_label(name: str) -> bool:
    """Return whether a label is one that a program sets, and not taskiq for itself."""
    return name not in INTERNAL_LABELS and name != RETRIES


def as_python(message: TaskiqMessage, labels: dict[str, Any]) -> str:
    """Return the call as Python code."""
    module, _, function = message.task_name.rpartition(":")
    can_import = module.replace(".", "").isidentifier() and function.isidentifier()
    name = function if can_import else "task"
    start = f"from {module} import {function}\n\n" if can_import else ""
    if not can_import:
        start = f"task = broker.find_task({message.task_name!r})\n\n"
    values = [described(value) for value in message.args]
    values += [f"{key}={described(value)}" for key, value in message.kwargs.items()]
    kicker = f".kicker().with_labels(**{labels!r})" if labels else ""
    return f"{start}await {name}{kicker}.kiq({', '.join(values)})"


def _raw(body: bytes, access: Access) -> str:
    """Return the beginning of bytes that can't be read, if no masked name is in them."""
    text = body.lower().replace(b"-", b"_")
    if access.masks_content or any(name.lower().encode() in text for name in access.masked_names):
        return MASK
    return body[:MAX_RAW].decode(errors="backslashreplace")


def _masks_names(access: Access) -> bool:
    # Of a large message it is not known which argument has which name.
    return access.masks_content or bool(access.masked_names)


def _unread(body: bytes, problem: str, raw: str) -> MessageContent:
    why = "its content can't be read here"
    return MessageContent(size=len(body), problem=problem, raw=raw, why_not_editable=why)


def _why_not_editable(message: TaskiqMessage, reader: ValueReader) -> str:
    if reader.is_masked:
        return "a part of it is masked"
    if reader.is_cut:
        return "it is too large to be shown as a whole"
    try:
        values = [message.args, message.kwargs]
        is_json = json.loads(json.dumps(values, allow_nan=False)) == values
    except (TypeError, ValueError, RecursionError):
        is_json = False
    return "" if is_json else "its arguments are not plain JSON"


def parameter_names(broker: AsyncBroker, task_name: str) -> Sequence[str]:
    """Return the names of the positional parameters of a task; none if it is not known here."""
    task = broker.find_task(task_name)
    if task is None:
        return ()
    try:
        parameters = signature(task.original_func).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in kinds]

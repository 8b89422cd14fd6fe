"""Tasks by name: what they are, how fast they run, and the form that runs one."""

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from taskiq_core.broker import AsyncBroker
from taskiq_core.client.decor import AsyncTaskiqDecoratedTask
from taskiq_core.messages.task_rates import TaskRates
from taskiq_web.access import Access
from taskiq_web.reads.snapshot import Snapshot
from taskiq_web.render.values import MASK, ValueReader, described

SIMPLE: Final = {str: "text", int: "integer", float: "number", bool: "boolean"}
"""Annotations whose values need not be typed as JSON."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task.

    Attributes:
        name: of the task.
        signature: of its function; empty if this process does not have it.
        description: the first line of its docstring.
        labels: that it was declared with.
        workers: how many workers know it; None if that is not known.
        rates: in the last minutes; None without history.
    """

    name: str
    signature: str = ""
    description: str = ""
    labels: Any = None
    workers: int | None = None
    rates: TaskRates | None = None


@dataclass(frozen=True, slots=True)
class FormField:
    """A parameter of a task, as a field of a form.

    Attributes:
        name: of the parameter.
        kind: text, integer, number, boolean, choice or json.
        annotation: its type as text; empty without one.
        default: the text that the field begins with.
        is_required: whether it has no default.
        choices: the values of a choice.
    """

    name: str
    kind: str
    annotation: str
    default: str
    is_required: bool
    choices: Sequence[str] = ()


def task_rows(broker: AsyncBroker, snapshot: Snapshot, access: Access) -> list[TaskRow]:
    """Return all tasks that this process, a worker or the history knows, by name.

    Args:
        broker: has the tasks of this process.
        snapshot: of the broker.
        access: of the viewer.
    """
    own = broker.get_all_tasks()
    rates = {each.task_name: each for each in snapshot.rates or ()}
    workers = snapshot.workers
    known = [name for worker in workers or () for name in worker.task_names]
    return [
        _row(
            name,
            own.get(name),
            None if workers is None else known.count(name),
            rates.get(name),
            access,
        )
        for name in sorted({*own, *rates, *known})
    ]


def _row(
    name: str,
    task: AsyncTaskiqDecoratedTask[Any, Any] | None,
    workers: int | None,
    rates: TaskRates | None,
    access: Access,
) -> TaskRow:
    if task is None:
        return TaskRow(name, workers=workers, rates=rates)
    documentation = (inspect.getdoc(task.original_func) or "").partition("\n")[0]
    labels = ValueReader(access).read(task.labels)
    return TaskRow(name, signature_text(task), documentation, labels, workers, rates)


def signature_text(task: AsyncTaskiqDecoratedTask[Any, Any]) -> str:
    """Return the signature of a task's function as text."""
    try:
        return str(inspect.signature(task.original_func))
    except (TypeError, ValueError):
        return "(...)"


def form_fields(task: AsyncTaskiqDecoratedTask[Any, Any], access: Access) -> list[FormField]:
    """Return a field for each parameter that a caller gives; dependencies are left out.

    Args:
        task: the task.
        access: of the viewer; defaults with a masked name are not shown.
    """
    try:
        parameters = inspect.signature(task.original_func, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError):
        return []
    return [_field(each, access) for each in parameters if _is_given(each)]


def read_field(field: FormField, text: str) -> Any:
    """Return the value that was typed into a field.

    Raises:
        ValueError: the text is not such a value; the message says why.
    """
    match field.kind:
        case "text" | "choice":
            return text
        case "boolean":
            return text == "true"
        case "integer":
            return int(text)
        case "number":
            return float(text)
        case _:
            return json.loads(text)


def _field(parameter: inspect.Parameter, access: Access) -> FormField:
    annotation = parameter.annotation
    has_default = parameter.default is not inspect.Parameter.empty
    default = parameter.default if has_default else None
    choices = _choices(annotation)
    kind = "choice" if choices else SIMPLE.get(annotation, "json")
    if has_default and (default is None or not isinstance(default, annotation_type(kind))):
        kind, choices = "json", ()
    reader = ValueReader(access)
    shown = reader.read(default, name=parameter.name) if has_default else ""
    text = "" if reader.is_masked or shown == MASK or not has_default else _text(shown, kind)
    name = "" if annotation is inspect.Parameter.empty else _annotation_text(annotation)
    return FormField(parameter.name, kind, name, text, not has_default, choices)


def annotation_type(kind: str) -> type | tuple[type, ...]:
    """Return what the default of a field has to be for the field to begin with it."""
    types: dict[str, type | tuple[type, ...]] = {
        "text": str,
        "choice": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    return types.get(kind, object)


def _choices(annotation: Any) -> tuple[str, ...]:
    """Return the values of a Literal or an enumeration, if all of them are texts."""
    try:
        values = TypeAdapter(annotation).json_schema().get("enum", [])
    except Exception:  # noqa: BLE001  # an annotation that pydantic does not know
        return ()
    return tuple(values) if values and all(isinstance(each, str) for each in values) else ()


def _is_given(parameter: inspect.Parameter) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    default = parameter.default
    module = type(default).__module__.partition(".")[0]
    metadata = getattr(parameter.annotation, "__metadata__", ())
    is_injected = module == "taskiq_dependencies" or any(
        type(each).__module__.partition(".")[0] == "taskiq_dependencies" for each in metadata
    )
    return not is_injected


def _annotation_text(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _text(value: Any, kind: str) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    if kind in ("text", "choice", "integer", "number"):
        return str(getattr(value, "value", value))
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return described(value)

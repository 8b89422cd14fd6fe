"""Which values come back as themselves: the README's table is what the serializers do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from taskiq_core import TaskiqMessage, TaskiqSerializer
from taskiq_core.client.arguments import ArgumentAdapters
from taskiq_core.exceptions import TaskArgumentError
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_inmemory import InMemoryBroker
from taskiq_serializers import (
    CBORSerializer,
    MSGPackSerializer,
    ORJSONSerializer,
    PickleSerializer,
)


class Color(Enum):
    RED = "red"


@dataclass
class Point:
    x: int


class Model(BaseModel):
    x: int


SERIALIZERS: list[Callable[[], TaskiqSerializer]] = [
    JSONSerializer,
    ORJSONSerializer,
    MSGPackSerializer,
    CBORSerializer,
    PickleSerializer,
]
VALUES: dict[str, tuple[Any, Any]] = {
    "int, float, str, bool, None, list": (
        list[int | float | str | bool | None],
        [1, 1.5, "é", True, None],
    ),
    "dict with text keys": (dict[str, int], {"a": 1}),
    "dict with other keys": (dict[int, str], {1: "a"}),
    "tuple": (tuple[int, str], (1, "a")),
    "set": (set[int], {1}),
    "frozenset": (frozenset[int], frozenset({1})),
    "bytes": (bytes, b"\xff"),
    "datetime with a time zone": (datetime, datetime(2026, 1, 1, tzinfo=UTC)),
    "datetime without one": (datetime, datetime(2026, 1, 1)),  # noqa: DTZ001
    "date": (date, date(2026, 1, 1)),
    "time": (time, time(1, 2)),
    "timedelta": (timedelta, timedelta(seconds=1.5)),
    "UUID": (UUID, UUID(int=1)),
    "Decimal": (Decimal, Decimal("1.10")),
    "Enum": (Color, Color.RED),
    "dataclass": (Point, Point(1)),
    "pydantic model": (Model, Model(x=1)),
}


async def travel(serializer: TaskiqSerializer, value: Any, annotation: Any) -> Any:
    """The value as a task gets it; annotated if there is an annotation."""
    broker = InMemoryBroker().with_serializer(serializer)

    def task(value: Any) -> None: ...

    task.__annotations__ = {} if annotation is None else {"value": annotation}
    message = TaskiqMessage(task_id="1", task_name="t", labels={}, args=[value], kwargs={})
    arrived = broker.formatter.loads(broker.formatter.dumps(message).message)
    adapters = ArgumentAdapters.of(task, without=())
    if adapters is not None:
        adapters.restore(arrived.args, arrived.kwargs, task_name="t")
    return arrived.args[0]


def is_same(first: Any, second: Any) -> bool:
    return type(first) is type(second) and bool(first == second)


async def cell(serializer: TaskiqSerializer, value: Any) -> str:
    try:
        arrived = await travel(serializer, value, None)
    except (TypeError, ValueError):
        return "refused"
    if is_same(arrived, value):
        return "itself"
    return f"`{type(arrived).__name__}`"


async def test_table_of_the_readme_is_what_happens() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    part = readme.split("## What comes back")[1]
    table = re.findall(r"^\| (?!value|---)(.*) \|$", part, re.MULTILINE)

    expected = [
        " | ".join([name, *[await cell(make(), value) for make in SERIALIZERS]])
        for name, (_, value) in VALUES.items()
    ]

    assert table == expected


@pytest.mark.parametrize("make", SERIALIZERS)
@pytest.mark.parametrize("name", VALUES)
async def test_annotated_values_come_back_as_themselves(
    name: str, make: Callable[[], TaskiqSerializer]
) -> None:
    annotation, value = VALUES[name]
    if await cell(make(), value) == "refused":
        broker = InMemoryBroker().with_serializer(make())
        task = broker.task("t")(lambda value: None)
        with pytest.raises(TaskArgumentError, match="can't be serialized"):
            await task.kiq(value)
        return

    assert is_same(await travel(make(), value, annotation), value)

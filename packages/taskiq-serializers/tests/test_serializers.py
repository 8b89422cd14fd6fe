"""Values through each format, alone and as the arguments of a task."""

import enum
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from taskiq_core import TaskiqMessage
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.client.arguments import ArgumentAdapters
from taskiq_core.formatters.proxy_formatter import ProxyFormatter
from taskiq_core.plugins import load_plugins
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_serializers import (
    CBORSerializer,
    MSGPackSerializer,
    ORJSONSerializer,
    PickleSerializer,
)
from taskiq_serializers.plugin import taskiq_register_serializers

SERIALIZERS = [
    JSONSerializer(ensure_ascii=False),
    JSONSerializer(default=lambda value: JSONSerializer().loadb(JSONSerializer().dumpb(value))),
    ORJSONSerializer(),
    MSGPackSerializer(),
    CBORSerializer(),
    PickleSerializer(),
]
each_serializer = pytest.mark.parametrize(
    "serializer", SERIALIZERS, ids=lambda serializer: type(serializer).__name__
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
plain_values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


class Colour(enum.Enum):
    RED = "red"


class Point(BaseModel):
    x: int
    when: datetime


@dataclass(frozen=True)
class Pair:
    first: int
    second: str


@each_serializer
@given(value=plain_values)
def test_plain_data_comes_back(serializer: TaskiqSerializer, value: Any) -> None:
    assert serializer.loadb(serializer.dumpb(value)) == value


VALUES: list[tuple[Any, Any]] = [
    (bytes, b"\x00\xff"),
    (set[int], {1, 2}),
    (tuple[int, str], (1, "a")),
    (UUID, UUID(int=5)),
    (Decimal, Decimal("1.10")),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (datetime, datetime(2026, 1, 2, 3, 4, 5)),  # noqa: DTZ001  # naive ones are values, too
    (datetime, datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))),
    (date, date(2026, 1, 2)),
    (timedelta, timedelta(seconds=90)),
    (Colour, Colour.RED),
    (Point, Point(x=1, when=datetime(2026, 1, 1, tzinfo=UTC))),
    (Pair, Pair(1, "b")),
    (list[Point], [Point(x=1, when=datetime(2026, 1, 1, tzinfo=UTC))]),
]


@each_serializer
@pytest.mark.parametrize(("annotation", "value"), VALUES, ids=lambda value: str(value)[:40])
def test_arguments_are_restored_from_their_annotations(
    serializer: TaskiqSerializer, annotation: Any, value: Any
) -> None:
    class Broker:
        def __init__(self) -> None:
            self.serializer = serializer

    if isinstance(serializer, CBORSerializer) and getattr(value, "tzinfo", value) is None:
        with pytest.raises(ValueError, match="naive datetime"):
            serializer.dumpb(value)
        return

    async def task(argument: Any) -> None: ...

    task.__annotations__["argument"] = annotation
    formatter = ProxyFormatter(Broker())
    sent = TaskiqMessage(task_id="1", task_name="t", labels={}, args=[value], kwargs={})

    received = formatter.loads(formatter.dumps(sent).message)
    adapters = ArgumentAdapters.of(task, without=())
    assert adapters is not None
    adapters.restore(received.args, received.kwargs, task_name="t")

    (restored,) = received.args
    assert restored == value
    assert type(restored) is type(value)


@pytest.mark.parametrize(
    "serializer",
    SERIALIZERS[2:5],
    ids=lambda serializer: type(serializer).__name__,
)
def test_what_has_no_form_is_an_error(serializer: TaskiqSerializer) -> None:
    with pytest.raises((TypeError, ValueError)):
        serializer.dumpb({"value": object()})


@pytest.mark.parametrize(
    "serializer", SERIALIZERS[:5], ids=lambda serializer: type(serializer).__name__
)
@given(data=st.binary(min_size=1))
def test_rubbish_is_a_value_or_an_exception(serializer: TaskiqSerializer, data: bytes) -> None:
    try:
        serializer.loadb(data)
    except Exception:  # noqa: BLE001  # which one is the library's matter
        return


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [
        ("ORJSONSerializer", "orjson", "orjson"),
        ("MSGPackSerializer", "msgpack", "msgpack"),
        ("CBORSerializer", "cbor2", "cbor"),
    ],
)
def test_missing_library_says_what_to_install(name: str, library: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "import taskiq_serializers\n"
        f"try: taskiq_serializers.{name}()\n"
        "except ImportError as error: print(error)"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    expected = f'{name} needs {library}: pip install "taskiq[{extra}]"\n'
    assert finished.stdout == expected, finished.stderr


def test_plugin_is_found_and_its_serializers_load() -> None:
    registry = load_plugins()

    for spec in taskiq_register_serializers():
        assert isinstance(registry.resolve(registry.serializers[spec.name]), type)

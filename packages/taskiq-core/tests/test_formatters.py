"""Messages to bytes and back, by both paths: compiled JSON, and any other serializer."""

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from taskiq_core import TaskiqMessage, TaskiqSerializer
from taskiq_core.formatters.json_formatter import JSONFormatter
from taskiq_core.formatters.proxy_formatter import ProxyFormatter
from taskiq_core.messages.typed_values import adapter_for
from taskiq_core.serializers.json_serializer import JSONSerializer


class PickleSerializer(TaskiqSerializer):
    """Carries everything, so that it shows what a formatter hands over."""

    def dumpb(self, value: Any) -> bytes:
        return pickle.dumps(value)

    def loadb(self, value: bytes) -> Any:
        return pickle.loads(value)


class HasSerializer:
    def __init__(self, serializer: TaskiqSerializer) -> None:
        self.serializer = serializer


class Report(BaseModel):
    lines: int
    made: datetime


@dataclass
class Chunk:
    number: int
    body: bytes


class Blob(TypedDict):
    body: bytes


def refuse(value: Any) -> Any:
    raise TypeError(f"no form for {value!r}")


def message(*args: Any, **kwargs: Any) -> TaskiqMessage:
    return TaskiqMessage(
        task_id="1", task_name="t", labels={"a": "1"}, args=list(args), kwargs=kwargs
    )


MAKERS: dict[str, Callable[[], Any]] = {
    "JSONFormatter": JSONFormatter,
    "plain JSON": lambda: ProxyFormatter(HasSerializer(JSONSerializer())),
    "JSON with a default": lambda: ProxyFormatter(HasSerializer(JSONSerializer(refuse))),
    "unescaped JSON": lambda: ProxyFormatter(HasSerializer(JSONSerializer(ensure_ascii=False))),
    "pickle": lambda: ProxyFormatter(HasSerializer(PickleSerializer())),
}
every_formatter = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@every_formatter
@given(args=st.lists(json_values, max_size=4), kwargs=st.dictionaries(st.text(), json_values))
def test_plain_data_survives(
    make: Callable[[], Any], args: list[Any], kwargs: dict[str, Any]
) -> None:
    formatter = make()
    sent = TaskiqMessage(task_id="1", task_name="t", labels={}, args=args, kwargs=kwargs)

    stored = formatter.dumps(sent)

    assert (stored.task_id, stored.task_name, stored.labels) == ("1", "t", {})
    assert formatter.loads(stored.message) == sent


@every_formatter
def test_numbers_that_are_none_survive(make: Callable[[], Any]) -> None:
    formatter = make()

    back = formatter.loads(formatter.dumps(message(math.nan, math.inf, -math.inf)).message)

    assert math.isnan(back.args[0])
    assert back.args[1:] == [math.inf, -math.inf]


@pytest.mark.parametrize("writer", ["JSONFormatter", "plain JSON", "JSON with a default"])
@pytest.mark.parametrize("reader", ["JSONFormatter", "plain JSON", "JSON with a default"])
def test_json_of_one_formatter_is_read_by_the_others(writer: str, reader: str) -> None:
    sent = message(1, "ü", None, when={"a": [1.5, True]})

    assert MAKERS[reader]().loads(MAKERS[writer]().dumps(sent).message) == sent


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (datetime, datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)),
        (UUID, UUID(int=5)),
        (Decimal, Decimal("0.10")),
        (bytes, b"\x00\xff"),
        (set[int], {1, 2}),
        (Report, Report(lines=1, made=datetime(2026, 1, 2, tzinfo=UTC))),
        (Chunk, Chunk(1, b"abc\xff")),
        (list[Chunk], [Chunk(1, b"abc\xff")]),
        (Chunk | None, Chunk(1, b"abcd")),
        (Blob, {"body": b"abcd"}),
        (dict[str, Blob], {"a": {"body": b"\xff"}}),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["JSONFormatter", "plain JSON"])
def test_rich_value_is_restored_from_its_annotation(name: str, annotation: Any, value: Any) -> None:
    formatter = MAKERS[name]()
    adapter = adapter_for(annotation)
    assert adapter is not None

    (arrived,) = formatter.loads(formatter.dumps(message(value)).message).args

    restored = adapter.restore(arrived, what="value")
    assert restored == value
    assert type(restored) is type(value)


def test_serializer_of_its_own_is_handed_what_it_may_have_a_form_for() -> None:
    now = datetime.now(UTC)
    formatter = ProxyFormatter(HasSerializer(PickleSerializer()))

    back = formatter.loads(formatter.dumps(message(now, b"\xff", UUID(int=1), {1})).message)

    assert back.args == [now, b"\xff", UUID(int=1), {1}]


def test_default_of_the_serializer_is_asked_for_what_json_lacks() -> None:
    asked: list[Any] = []

    def to_text(value: Any) -> Any:
        asked.append(value)
        return str(value)

    formatter = ProxyFormatter(HasSerializer(JSONSerializer(to_text)))

    back = formatter.loads(formatter.dumps(message(UUID(int=1))).message)

    assert asked == [UUID(int=1)]
    assert back.args == [str(UUID(int=1))]


def test_serializer_without_options_uses_the_same_plain_forms() -> None:
    value = {"when": datetime(2026, 1, 2, tzinfo=UTC), "raw": b"\xff", "ids": {UUID(int=1)}}
    compiled = JSONFormatter().dumps(message(value)).message

    by_serializer = JSONSerializer().dumpb(message(value).model_dump())

    assert json.loads(by_serializer) == json.loads(compiled)


def test_serializer_can_be_replaced_after_the_formatter_was_made() -> None:
    owner = HasSerializer(JSONSerializer())
    formatter = ProxyFormatter(owner)
    as_json = formatter.dumps(message(1)).message

    owner.serializer = PickleSerializer()

    as_pickle = formatter.dumps(message(1)).message
    assert json.loads(as_json)["args"] == [1]
    assert pickle.loads(as_pickle)["args"] == [1]


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "pickle"])
@pytest.mark.parametrize(
    "value", [object(), print, {"deep": [object()]}], ids=["object", "function", "nested"]
)
def test_what_cannot_be_expressed_is_refused(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        MAKERS[name]().dumps(message(value))


@pytest.mark.parametrize("name", ["JSONFormatter", "plain JSON", "JSON with a default"])
@pytest.mark.parametrize(
    "data", [b"", b"no json", b"\xff\xfe", b"[]", b"{}", b'{"task_id": 1}', b"null"], ids=repr
)
def test_bytes_that_are_no_message_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        MAKERS[name]().loads(data)

    assert isinstance(caught.value, ValidationError | json.JSONDecodeError | UnicodeDecodeError)

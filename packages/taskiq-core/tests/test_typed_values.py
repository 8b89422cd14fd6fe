"""What travelled as plain data is restored from its annotation, or left as it came."""

import enum
import json
import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import to_json
from typing_extensions import TypedDict

from taskiq_core.messages.typed_values import adapter_for


class Colour(enum.Enum):
    RED = "red"


class Point(BaseModel):
    x: int
    label: str | None = None


@dataclass(frozen=True)
class Pair:
    first: int
    second: Point


class Options(TypedDict):
    depth: int


class Unknown:
    pass


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 1),
        (float, 1.5),
        (str, "text"),
        (bool, True),
        (bytes, b"\x00\xff"),
        (list[bytes], [b"\xff", b""]),
        (set[int], {1, 2}),
        (tuple[int, str], (1, "a")),
        (dict[str, Point], {"a": Point(x=1)}),
        (Point, Point(x=1, label="one")),
        (Pair, Pair(1, Point(x=2))),
        (list[Pair], [Pair(1, Point(x=2))]),
        (Options, {"depth": 3}),
        (Colour, Colour.RED),
        (UUID, UUID(int=7)),
        (Decimal, Decimal("1.10")),
        (datetime, datetime(2026, 1, 2, tzinfo=UTC)),
        (date, date(2026, 1, 2)),
        (timedelta, timedelta(seconds=90)),
        (Point | None, None),
        (int | str, "1"),
    ],
    ids=str,
)
def test_restored_after_a_journey_as_json(annotation: Any, value: Any) -> None:
    plain = json.loads(to_json(value, bytes_mode="base64"))
    adapter = adapter_for(annotation)
    assert adapter is not None

    restored = adapter.restore(plain, what="value")

    assert restored == value
    assert type(restored) is type(value)


@given(st.binary())
def test_any_bytes(value: bytes) -> None:
    adapter = adapter_for(bytes)
    assert adapter is not None

    assert adapter.restore(json.loads(to_json(value, bytes_mode="base64")), what="value") == value


def test_value_that_is_of_its_type_already_stays() -> None:
    adapter = adapter_for(Point)
    assert adapter is not None
    point = Point(x=1)

    assert adapter.restore(point, what="value") == point


def test_value_that_does_not_fit_is_passed_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    adapter = adapter_for(int)
    assert adapter is not None

    with caplog.at_level(logging.WARNING):
        value = adapter.restore("many", what="argument 1 of task count")

    assert value == "many"
    assert "argument 1 of task count does not fit its annotation <class 'int'>" in caplog.text


@pytest.mark.parametrize("annotation", [Any, None, object, Unknown, list[Unknown], "Undefined"])
def test_nothing_to_restore_by(annotation: Any) -> None:
    assert adapter_for(annotation) is None

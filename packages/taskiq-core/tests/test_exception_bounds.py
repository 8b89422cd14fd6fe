"""Exceptions that hang together are kept and logged up to a bound, and what is left out is said."""

import logging
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskiq_core import Receiver
from taskiq_core.messages.exception_bounds import MAX_EXCEPTIONS, MAX_TEXT, bounded
from taskiq_core.messages.exception_records import (
    MAX_TRACEBACK,
    ExceptionRepr,
    exception_from_record,
    exception_to_record,
)


def nested(width: int, depth: int) -> Exception:
    """A group of groups, as many ways lead to its exceptions as there would be exceptions."""
    error: Exception = ValueError("leaf")
    for _ in range(depth):
        error = ExceptionGroup("many", [error] * width)
    return error


def count(record: ExceptionRepr) -> int:
    related = [record.exc_cause, record.exc_context, *record.exc_group]
    return 1 + sum(count(each) for each in related if each is not None)


def notes(record: ExceptionRepr) -> list[str]:
    related = [record.exc_cause, record.exc_context, *record.exc_group]
    deeper = [notes(each) for each in related if each is not None]
    return record.exc_notes + [note for each in deeper for note in each]


def test_record_of_a_large_group_is_bounded_and_says_so() -> None:
    record = exception_to_record(nested(12, 6))

    assert count(record) == MAX_EXCEPTIONS
    assert len(record.exc_group) == 12
    assert "... 12 more exceptions left out" in notes(record)
    back = exception_from_record(record)
    assert isinstance(back, ExceptionGroup)
    assert len(back.exceptions) == 12


def test_what_fits_is_kept_as_it_is() -> None:
    error = nested(9, 2)

    assert bounded(error) is error
    assert count(exception_to_record(error)) == 91
    assert notes(exception_to_record(error)) == []


def test_long_texts_are_cut_and_say_so() -> None:
    error = ExceptionGroup("g", [ValueError("x" * MAX_TEXT, ["y" * MAX_TEXT]) for _ in range(20)])

    record = exception_to_record(error)

    assert len(record.model_dump_json()) < 2 * MAX_TEXT + MAX_TRACEBACK
    assert "more characters left out" in record.exc_group[0].exc_message[0]


@pytest.mark.parametrize("argument", [1, "", "text", None])
def test_an_error_with_very_many_arguments_is_cut(argument: Any) -> None:
    record = exception_to_record(ValueError(*[argument] * 10**6))

    assert len(record.exc_message) <= MAX_TEXT
    assert record.exc_message[-1] == "... more left out"


async def test_log_of_a_task_that_raises_a_large_group_is_bounded(
    broker: Any, delivered: Any, caplog: Any
) -> None:
    @broker.task
    async def fail() -> None:
        raise nested(12, 6)

    await fail.kiq()
    with caplog.at_level(logging.ERROR):
        await Receiver(broker).handle(delivered(broker))

    assert len(caplog.text) < MAX_TEXT
    assert "left out" in caplog.text
    assert "in fail" in caplog.text
    assert "ExceptionGroup: many (12 sub-exceptions)" in caplog.text


def test_copy_for_the_log_looks_like_the_original() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise ValueError("x" * MAX_TEXT) from cause
    except ValueError as raised:
        lines = traceback.format_exception(bounded(raised))

    text = "".join(lines)
    assert "KeyError: 'first'" in text
    assert "direct cause" in text
    assert "ValueError: xxx" in text
    assert "more characters left out" in text


def test_record_with_very_many_exceptions_is_read_up_to_the_bound() -> None:
    leaf = {"exc_type": "ValueError", "exc_module": "builtins", "exc_message": ["leaf"]}
    group = {"exc_type": "ExceptionGroup", "exc_module": "builtins", "exc_message": ["many"]}
    record = ExceptionRepr.model_validate({**group, "exc_group": [leaf] * 5000})

    error = exception_from_record(record)

    assert isinstance(error, ExceptionGroup)
    assert len(error.exceptions) == MAX_EXCEPTIONS - 1
    assert error.__notes__ == ["... 4901 more exceptions left out"]


def test_record_that_is_nested_very_deep_is_read_up_to_the_bound() -> None:
    record = ExceptionRepr(exc_type="ValueError", exc_module="builtins", exc_message=("end",))
    for _ in range(5000):
        record = ExceptionRepr(
            exc_type="ExceptionGroup",
            exc_module="builtins",
            exc_message=("many",),
            exc_group=[record],
        )

    assert isinstance(exception_from_record(record), ExceptionGroup)


@st.composite
def trees(draw: st.DrawFn) -> Exception:
    """Exceptions with members, causes and contexts, some of them in several places."""
    made: list[Exception] = [ValueError(draw(st.text(max_size=5)))]
    for _ in range(draw(st.integers(0, 12))):
        some = draw(st.lists(st.sampled_from(made), min_size=1, max_size=8))
        error: Exception = ExceptionGroup("g", some) if draw(st.booleans()) else KeyError("k")
        error.__cause__ = draw(st.none() | st.sampled_from(made))
        error.__context__ = draw(st.none() | st.sampled_from(made))
        made.append(error)
    return made[-1]


@given(trees())
@settings(max_examples=100, deadline=None)
def test_any_tree_is_bounded_and_comes_back(error: Exception) -> None:
    record = exception_to_record(error)

    assert count(record) <= MAX_EXCEPTIONS
    assert len(record.model_dump_json()) < MAX_TEXT
    back = exception_from_record(ExceptionRepr.model_validate_json(record.model_dump_json()))
    assert isinstance(back, type(error)) or not record.exc_group
    assert len("".join(traceback.format_exception(bounded(error)))) < MAX_TEXT

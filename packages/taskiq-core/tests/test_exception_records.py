"""Exceptions travel as data and come back as exceptions, and as nothing else."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core.exceptions import SecurityError, TaskTimeoutError, UnknownTaskError
from taskiq_core.messages.exception_records import (
    ExceptionRepr,
    RemoteTraceback,
    UnknownRemoteError,
    exception_from_record,
    exception_to_record,
)
from taskiq_core.messages.result import TaskiqResult


class OtherSignatureError(Exception):
    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class FailingReprError(Exception):
    def __repr__(self) -> str:
        raise RuntimeError


def through_json(error: BaseException) -> BaseException:
    record = exception_to_record(error)
    return exception_from_record(ExceptionRepr.model_validate(json.loads(record.model_dump_json())))


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text()))
def test_builtin_exceptions_come_back_as_themselves(arguments: list[Any]) -> None:
    error = through_json(ValueError(*arguments))

    assert type(error) is ValueError
    assert list(error.args) == arguments


@pytest.mark.parametrize(
    "error",
    [
        UnknownTaskError(task_name="t"),
        TaskTimeoutError(task_name="t", task_id="1", timeout=2.0),
        OtherSignatureError(7, detail="no"),
        FileNotFoundError(2, "No such file", "x"),
        KeyError("key"),
        ExceptionGroup("many", [ValueError(1), TypeError(2)]),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_kinds_of_constructors(error: BaseException) -> None:
    back = through_json(error)

    assert type(back).__name__ == type(error).__name__
    if not isinstance(error, ExceptionGroup | UnicodeDecodeError):
        assert type(back) is type(error)
        assert str(back) == str(error)


def test_fields_come_back() -> None:
    back = through_json(OtherSignatureError(7, detail="no"))

    assert isinstance(back, OtherSignatureError)
    assert (back.code, back.detail) == (7, "no")


def test_cause_notes_and_traceback_come_back() -> None:
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise ValueError("effect") from cause
    except ValueError as error:
        error.add_note("a note")
        back = through_json(error)

    assert repr(back.__cause__) == "KeyError('cause')"
    assert back.__notes__ == ["a note"]


def test_traceback_of_the_other_process_is_shown_as_the_cause() -> None:
    try:
        raise ValueError("far away")
    except ValueError as error:
        back = through_json(error)

    assert isinstance(back.__cause__, RemoteTraceback)
    assert "test_traceback_of_the_other_process" in str(back.__cause__)
    assert repr(through_json(back).__cause__) == repr(back.__cause__)


def test_argument_that_json_cannot_carry_becomes_its_text() -> None:
    error = through_json(ValueError(object, FailingReprError()))

    assert error.args[0] == "<class 'object'>"
    assert "whose repr fails" in error.args[1]


def test_class_that_is_not_here_becomes_a_stand_in_and_nothing_is_imported() -> None:
    record = ExceptionRepr(exc_type="Gone", exc_module="antigravity", exc_message=("why",))

    error = exception_from_record(record)

    assert isinstance(error, UnknownRemoteError)
    assert type(error).__name__ == "Gone"
    assert str(error) == "antigravity.Gone: ('why',)"
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "int"),
        ("sys", "modules"),
        (None, "exec"),
    ],
)
def test_nothing_but_an_exception_class_is_called(module: str | None, name: str) -> None:
    record = ExceptionRepr(exc_type=name, exc_module=module, exc_message=("echo pwned",))

    with pytest.raises(SecurityError, match="not an exception class"):
        exception_from_record(record)


def test_endless_chains_end() -> None:
    first, second = ValueError(1), ValueError(2)
    first.__cause__, second.__cause__ = second, first

    assert type(through_json(first)) is ValueError


def test_result_carries_its_error_through_json() -> None:
    result = TaskiqResult[Any](
        is_err=True, return_value=None, execution_time=0.1, error=OtherSignatureError(1, detail="x")
    )

    back = TaskiqResult[Any].model_validate_json(result.model_dump_json())

    assert isinstance(back.error, OtherSignatureError)
    with pytest.raises(OtherSignatureError, match="1: x"):
        back.raise_for_error()


class JobsFailedError(ExceptionGroup[Exception]):
    pass


def test_a_group_comes_back_with_its_members() -> None:
    group = JobsFailedError("two jobs", [ValueError(1), ExceptionGroup("inner", [KeyError("k")])])

    found = through_json(group)

    assert isinstance(found, JobsFailedError)
    assert found.message == "two jobs"
    first, inner = found.exceptions
    assert (type(first), first.args) == (ValueError, (1,))
    assert isinstance(inner, ExceptionGroup)
    assert repr(inner.exceptions) == repr((KeyError("k"),))


def test_a_group_of_an_unknown_class_is_one_all_the_same() -> None:
    record = exception_to_record(ExceptionGroup("two jobs", [ValueError(1)]))
    record.exc_module = "not.here"

    found = exception_from_record(record)

    assert type(found) is ExceptionGroup
    assert repr(found.exceptions) == repr((ValueError(1),))


def test_a_group_of_what_ends_programs_ends_none() -> None:
    found = through_json(BaseExceptionGroup("stop", [KeyboardInterrupt(), ValueError(1)]))

    assert type(found) is ExceptionGroup
    assert isinstance(found.exceptions[0], UnknownRemoteError)
    assert type(found.exceptions[0]).__name__ == "KeyboardInterrupt"
    assert repr(found.exceptions[1]) == "ValueError(1)"


def test_an_exception_of_the_program_itself_comes_back(tmp_path: Path) -> None:
    """The worker imports as `app` what runs as a program elsewhere, where that is `__main__`."""
    program = tmp_path / "app.py"
    program.write_text(
        "from taskiq_core.messages.exception_records import exception_from_record, ExceptionRepr\n"
        "class AppError(Exception): pass\n"
        "record = dict(exc_type='AppError', exc_module='app', exc_message=('no',))\n"
        "print(type(exception_from_record(ExceptionRepr(**record))) is AppError)\n"
    )

    for command in ([str(program)], ["-m", "app"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        assert done.stdout == "True\n"


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError("why"), GeneratorExit()]
)
def test_what_would_end_the_reader_is_a_stand_in_with_name_and_text(error: BaseException) -> None:
    found = through_json(through_json(error))  # also of a stand-in

    assert isinstance(found, UnknownRemoteError)
    assert type(found).__name__ == type(error).__name__
    assert found.remote_args == error.args
    assert str(found) == f"{type(error).__module__}.{type(error).__qualname__}: {error.args}"


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("TaskTimeoutError", {}),
        ("TaskExpiredError", {"task_name": "t", "task_id": "1", "expires": "soon"}),
        ("UnknownTaskError", {"no_field": 1}),
    ],
)
def test_record_that_lacks_fields_has_a_text(name: str, state: dict[str, Any]) -> None:
    record = ExceptionRepr(
        exc_type=name, exc_module="taskiq_core.exceptions", exc_message=(), exc_state=state
    )

    error = exception_from_record(record)

    assert type(error).__name__ == name
    assert str(error)
    assert repr(error)


class NeedsItsCodeError(Exception):
    def __init__(self, code: int) -> None:
        self.code = code

    def __str__(self) -> str:
        return f"code {self.code:d}"


def test_record_without_what_the_text_needs_is_a_stand_in() -> None:
    record = exception_to_record(NeedsItsCodeError(7))
    record.exc_message, record.exc_state = (), {}

    assert "NeedsItsCodeError" in str(exception_from_record(record))


@pytest.mark.parametrize("name", ["a\0b", "\ud800", ""])
def test_record_with_a_name_that_no_class_can_have_is_read(name: str) -> None:
    record = ExceptionRepr(exc_type=name, exc_module="no.module", exc_message=())

    assert isinstance(exception_from_record(record), UnknownRemoteError)


def test_integer_that_can_not_be_read_back_is_described() -> None:
    error = through_json(ValueError(10**5000, [10**5000]))

    assert error.args[0] == "<an integer of 16610 bits>"


@pytest.mark.parametrize("exc_type", ["ValueError", "NoSuchError", "ExceptionGroup"])
def test_integer_with_more_digits_than_python_shows_spoils_no_text(exc_type: str) -> None:
    """CBOR reads it; a result whose error can't be shown would fail in every log."""
    record = ExceptionRepr(
        exc_type=exc_type,
        exc_module="builtins",
        exc_message=("fine", 1 << 8_000_000),
        exc_state={"size": [1 << 8_000_000]},
    )

    error = exception_from_record(record)

    assert "fine" in str(error)
    assert "repr fails" in str(error) or exc_type == "ExceptionGroup"
    assert len(repr(error)) < 1_000

"""Results: what came of a task, also after a journey."""

import asyncio
import json
import math
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from taskiq_core import TaskiqResult
from taskiq_core.exceptions import SecurityError, TaskTimeoutError
from taskiq_core.messages.exception_records import UnknownRemoteError
from taskiq_core.messages.result import make_result

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def failed(error: BaseException) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=True, return_value=None, execution_time=0.1, error=error)


def journey(result: TaskiqResult[Any]) -> TaskiqResult[Any]:
    return TaskiqResult[Any].model_validate_json(result.model_dump_json())


@given(
    value=json_values,
    log=st.none() | st.text(),
    seconds=st.floats(0, 1e9),
    labels=st.dictionaries(st.text(), json_values, max_size=3),
)
def test_plain_result_survives_json(
    value: Any, log: str | None, seconds: float, labels: dict[str, Any]
) -> None:
    result = TaskiqResult[Any](
        is_err=False, log=log, return_value=value, execution_time=seconds, labels=labels
    )

    assert journey(result) == result


def test_number_that_is_none_survives() -> None:
    result = TaskiqResult[Any](is_err=False, return_value=math.nan, execution_time=0.0)

    assert math.isnan(journey(result).return_value)


def test_rich_values_become_plain_ones() -> None:
    value = {"when": datetime(2026, 1, 2, tzinfo=UTC), "raw": b"\xff"}
    result = TaskiqResult[Any](is_err=False, return_value=value, execution_time=0.0)

    assert json.loads(result.model_dump_json())["return_value"] == {
        "when": "2026-01-02T00:00:00Z",
        "raw": "_w==",
    }


def test_model_is_restored_where_the_type_is_named() -> None:
    class Report(BaseModel):
        lines: int

    text = TaskiqResult[Any](
        is_err=False, return_value=Report(lines=1), execution_time=0.0
    ).model_dump_json()

    assert TaskiqResult[Report].model_validate_json(text).return_value == Report(lines=1)


def test_result_without_an_error_is_returned() -> None:
    result = TaskiqResult[int](is_err=False, return_value=1, execution_time=0.0)

    assert result.raise_for_error() is result


def test_error_of_the_task_is_raised() -> None:
    error = ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        failed(error).raise_for_error()

    assert caught.value is error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a", 1),
        KeyError("k"),
        TaskTimeoutError(task_name="t", task_id="1", timeout=2.0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_survives_json_and_python_data(error: BaseException) -> None:
    result = failed(error)

    for back in (journey(result), TaskiqResult[Any].model_validate(result.model_dump())):
        assert type(back.error) is type(error)
        assert str(back.error) == str(error)
        assert back.is_err


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_what_would_end_the_caller_is_raised_as_a_stand_in(error: BaseException) -> None:
    here = failed(error)
    set_later = failed(ValueError())
    set_later.error = error  # as a middleware does

    for result in (here, journey(here), set_later, journey(set_later)):
        with pytest.raises(UnknownRemoteError, match=type(error).__name__):
            result.raise_for_error()
    assert isinstance(here.error, Exception)


def test_error_is_the_same_object_in_this_process() -> None:
    error = ValueError("no")

    assert failed(error).error is error
    assert failed(error).model_copy().error is error


def test_record_that_names_no_exception_class_is_refused() -> None:
    record = {"exc_type": "system", "exc_module": "os", "exc_message": ["true"]}
    data = {"is_err": True, "return_value": None, "execution_time": 0.0, "error": record}

    with pytest.raises(SecurityError, match=r"os\.system"):
        TaskiqResult[Any].model_validate(data)


def test_error_of_an_unknown_class_stands_for_it() -> None:
    record = {"exc_type": "GoneError", "exc_module": "no_such_module", "exc_message": ["why"]}
    data = {"is_err": True, "return_value": None, "execution_time": 0.0, "error": record}

    result = TaskiqResult[Any].model_validate_json(json.dumps(data))

    with pytest.raises(UnknownRemoteError, match=r"no_such_module\.GoneError"):
        result.raise_for_error()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("\udcff"),
        ValueError({"deep": ["\udcff"]}),
        FileNotFoundError(2, "No such file", "\udcff"),
    ],
    ids=["text", "deep", "file"],
)
def test_text_that_is_no_utf_8_is_no_reason_to_lose_the_error(error: OSError | ValueError) -> None:
    """Names of files come so, and a result that can't be stored would be tried for ever."""
    error.add_note("\udcff")
    try:
        raise error
    except type(error):
        back = journey(failed(error)).error

    assert type(back) is type(error)
    assert r"\udcff" in str(back).replace(r"\\", "\\")
    assert back.__notes__ == [r"\udcff"]


def test_record_makes_no_package_load_its_lazy_names() -> None:
    code = (
        "import sys, taskiq_core\n"
        "from taskiq_core.messages.exception_records import ExceptionRepr, exception_from_record\n"
        "record = ExceptionRepr(exc_module='taskiq_core', exc_type='Receiver', exc_message=())\n"
        "print(type(exception_from_record(record)).__name__, 'taskiq_core.receiver' in sys.modules)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert printed.stdout == "Receiver False\n"


def test_error_that_is_no_record_is_refused() -> None:
    with pytest.raises(ValidationError, match="exc_type"):
        TaskiqResult[Any](is_err=True, return_value=None, execution_time=0.0, error={"a": 1})


def test_quick_constructor_is_the_class() -> None:
    made = make_result({"is_err": False, "return_value": 1, "execution_time": 0.5})

    assert made == TaskiqResult[Any](is_err=False, return_value=1, execution_time=0.5)
    assert (made.log, made.labels, made.error) == (None, {}, None)


def test_result_can_be_pickled() -> None:
    back = pickle.loads(pickle.dumps(failed(ValueError("no"))))

    assert repr(back.error) == "ValueError('no')"

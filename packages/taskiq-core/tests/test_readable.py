"""What can't be read back is refused where it is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core import Receiver, TaskiqMessage, TaskiqResult
from taskiq_core.brokers.result_coding import ResultCoding
from taskiq_core.exceptions import ResultSerializationError, TaskArgumentError
from taskiq_core.formatters.json_formatter import JSONFormatter
from taskiq_core.serializers.json_serializer import JSONSerializer


def nested(depth: int, kind: str = "list") -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value, "]"] if kind == "list" else {"[": value}
    return value


def message(value: Any) -> TaskiqMessage:
    return TaskiqMessage(task_id="1", task_name="t", labels={}, args=[value], kwargs={})


def result(value: Any) -> TaskiqResult[Any]:
    return TaskiqResult(is_err=False, return_value=value, execution_time=0.0)


@pytest.mark.parametrize("kind", ["list", "dict"])
@pytest.mark.parametrize(
    "coding", [ResultCoding(), ResultCoding(JSONSerializer())], ids=["pydantic", "json"]
)
def test_result_that_is_written_is_read(coding: ResultCoding, kind: str) -> None:
    """At every depth around the limits of readers and writers."""
    refused = []
    for depth in (1, 50, *range(180, 270), *range(700, 1000, 5)):
        value = nested(depth, kind)
        try:
            body = coding.dumps(result(value))
        except (ValueError, RecursionError):
            refused.append(depth)
        else:
            assert coding.loads(body, with_logs=True).return_value == value
    assert refused
    assert min(refused) >= 195


def test_message_that_is_written_is_read() -> None:
    refused = []
    for depth in range(180, 270):
        value = nested(depth)
        try:
            body = JSONFormatter().dumps(message(value)).message
        except ValueError:
            refused.append(depth)
        else:
            assert JSONFormatter().loads(body).args == [value]
    assert min(refused) == 199


@pytest.mark.parametrize("digits", [4300, 4301, 10_000])
def test_long_integers_are_read_or_refused(digits: int) -> None:
    value = {"deep": [-(10 ** (digits - 1))]}

    if digits > 4300:
        with pytest.raises(ValueError, match="not be read again"):
            JSONFormatter().dumps(message(value))
    else:
        body = JSONFormatter().dumps(message(value)).message
        assert JSONFormatter().loads(body).args == [value]


@pytest.mark.parametrize(
    "value", ["1" * 10_000, "[" * 1000, "[]{}" * 1000, [[{}]] * 1000, [[1, [2, [3]]]] * 500]
)
def test_what_only_looks_so_is_written(value: Any) -> None:
    body = JSONFormatter().dumps(message(value)).message

    assert JSONFormatter().loads(body).args == [value]


@given(
    st.recursive(
        st.integers() | st.text("[]{}1", max_size=300),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_plain_data_is_written_and_read(value: Any) -> None:
    body = JSONFormatter().dumps(message(value)).message

    assert JSONFormatter().loads(body).args == [value]


@pytest.mark.parametrize("value", [nested(199), 10**4300], ids=["deep", "long"])
async def test_argument_that_can_not_be_read_back_is_named(broker: Any, value: Any) -> None:
    @broker.task
    async def work(first: int, second: Any, *, third: Any = None) -> None: ...

    with pytest.raises(TaskArgumentError, match=r"argument number 2 .*not be read again"):
        await work.kiq(1, value)
    with pytest.raises(TaskArgumentError, match=r"argument 'third' .*not be read again"):
        await work.kiq(1, 2, third=value)
    assert broker.sent == []


@pytest.mark.parametrize("value", [nested(220), 10**4300], ids=["deep", "long"])
async def test_result_that_can_not_be_read_back_is_an_error_that_says_so(
    broker: Any, results: Any, delivered: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = results.set_result

    async def serialize(task_id: str, result: TaskiqResult[Any]) -> None:
        coding = ResultCoding()
        await store(task_id, coding.loads(coding.dumps(result), with_logs=True))

    monkeypatch.setattr(results, "set_result", serialize)

    @broker.task
    async def work() -> Any:
        return value

    task = await work.kiq()
    await Receiver(broker).handle(delivered(broker))

    error = broker.results[task.task_id].error
    assert isinstance(error, ResultSerializationError)
    assert "not be read again" in str(error)

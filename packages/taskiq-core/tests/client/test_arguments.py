"""Arguments that do not fit their annotations: passed on, or refused by worker or caller."""

import logging
from typing import Any

import pytest
from pydantic import BaseModel

from taskiq_core import Context, Receiver, TaskiqDepends
from taskiq_core.exceptions import TaskArgumentError, TaskArgumentValueError


class Order(BaseModel):
    number: int


def declare(broker: Any, **options: Any) -> Any:
    @broker.task(task_name="order", **options)
    async def order(
        first: int, second: Order | None = None, context: Context = TaskiqDepends()
    ) -> str:
        return f"{first!r} {second!r}"

    return order


async def result_of(broker: Any, task: Any, *args: Any, **options: Any) -> Any:
    sent = await task.kiq(*args)
    await Receiver(broker, **options).callback(broker.sent[-1].message)
    return broker.results[sent.task_id]


async def test_by_default_a_value_that_does_not_fit_is_passed_with_a_warning(
    broker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    result = await result_of(broker, declare(broker), "many")

    assert result.return_value == "'many' None"
    assert "argument 1 of task order does not fit its annotation" in caplog.text


@pytest.mark.parametrize(
    ("options", "receiver_options"),
    [({"strict": True}, {}), ({}, {"strict": True}), ({}, {"strict": "true"})],
)
async def test_strict_worker_refuses_it(
    broker: Any, options: dict[str, Any], receiver_options: dict[str, Any]
) -> None:
    task = declare(broker, **options)

    refused = await result_of(broker, task, "many", **receiver_options)
    fits = await result_of(broker, task, "7", {"number": "8"}, **receiver_options)

    assert fits.return_value == "7 Order(number=8)"
    assert isinstance(refused.error, TaskArgumentValueError)
    assert str(refused.error) == (
        "Task 'order' was not run: its argument 1 does not fit the annotation int (Input should be "
        "a valid integer, unable to parse string as an integer)"
    )


async def test_caller_may_refuse_it_already(broker: Any) -> None:
    task = declare(broker, validate_on_send=True)

    with pytest.raises(TaskArgumentValueError, match="its argument 'second' does not") as caught:
        await task.kiq(1, second={"number": "x"})

    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TaskArgumentError)
    assert caught.value.__cause__ is not None
    assert broker.sent == []
    await task.kiq(1, second=Order(number=2))
    await task.kiq(1, {"number": 2})
    assert len(broker.sent) == 2


async def test_options_of_a_task_are_not_labels(broker: Any) -> None:
    task = declare(broker, strict=True, validate_on_send=True, a=1)

    assert task.labels == {"a": 1}


def test_warnings_are_logged_below_taskiq(caplog: pytest.LogCaptureFixture) -> None:
    from taskiq_core.messages.typed_values import adapter_for

    adapter = adapter_for(int)
    assert adapter is not None
    with caplog.at_level(logging.WARNING, "taskiq"):
        adapter.restore("x", what="value")

    assert caplog.records[0].name.startswith("taskiq.")

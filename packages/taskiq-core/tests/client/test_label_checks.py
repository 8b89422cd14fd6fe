"""Labels that look like mistakes are noticed where the task is declared."""

import warnings
from typing import Any

import pytest

from taskiq_core import Capability, TaskiqMiddleware
from taskiq_core.exceptions import TaskDefinitionError
from taskiq_core.messages.known_labels import KNOWN_LABELS, KnownLabel, LabelWarning


@pytest.fixture
def able(broker: Any) -> Any:
    """A broker that honours every label."""
    broker.capabilities = frozenset(Capability)
    return broker


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("retry_on_eror", "retry_on_error"),
        ("max_retires", "max_retries"),
        ("max_retry", "max_retries"),
        ("priorty", "priority"),
        ("Priority", "priority"),
        ("expire", "expires"),
        ("countdown", "delay"),
        ("eta", "delay"),
        ("time_limit", "timeout"),
        ("queue_nam", "queue_name"),
    ],
)
def test_label_close_to_a_known_one_gets_a_warning_at_its_declaration(
    able: Any, label: str, meant: str
) -> None:
    with pytest.warns(LabelWarning) as caught:

        @able.task(task_name="t", **{label: 1})
        async def work() -> None: ...

    (warning,) = caught
    assert str(warning.message) == f"Task 't' has the label {label!r}. Did you mean {meant!r}?"
    assert warning.filename == __file__


@pytest.mark.parametrize(
    "label",
    [*(known.name for known in KNOWN_LABELS), "queue", "tenant", "_retries", "X-Delay", "tag"],
)
def test_other_labels_get_none(broker: Any, label: str) -> None:
    value = {"ack_type": "manual", "unique_key": "k", "schedule": []}.get(label, 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task = broker.register_task(lambda: None, "t", **{label: value})

    assert task.labels == {label: value}


@pytest.mark.parametrize(
    ("label", "value", "text"),
    [
        ("delay", -3, "its label 'delay' is -3. Give a number of seconds, at least 0"),
        ("delay", "soon", "its label 'delay' is 'soon'. Give a number"),
        ("expires", float("nan"), "its label 'expires' is nan. Give a number"),
        ("unique_key", 5, "its label 'unique_key' is 5. Give text that is not empty"),
        ("priority", "x", "its label 'priority' is 'x'. Give a whole number"),
        ("priority", True, "its label 'priority' is True. Give a whole number"),
    ],
)
def test_value_that_the_broker_cannot_honour_is_refused(
    able: Any, label: str, value: Any, text: str
) -> None:
    with pytest.raises(TaskDefinitionError) as caught:
        able.register_task(lambda: None, "t", **{label: value})

    assert text in str(caught.value)
    assert "'t'" in str(caught.value)


def test_label_that_the_broker_does_not_know_may_have_any_value(ack_only: Any) -> None:
    task = ack_only.register_task(lambda: None, "t", priority="high", unique_key=5)

    assert task.labels == {"priority": "high", "unique_key": 5}


def test_wrong_value_of_a_retry_gets_a_warning(broker: Any) -> None:
    with pytest.warns(LabelWarning, match="its label 'max_retries' is 'often'. Give a whole"):
        broker.register_task(lambda: None, "t", max_retries="often")


def test_brokers_and_middlewares_may_have_labels_of_their_own(broker: Any) -> None:
    class Limits(TaskiqMiddleware):
        known_labels = (KnownLabel("rate_limit"),)

    broker.add_middlewares(Limits())

    with pytest.warns(LabelWarning, match="'rate_limi'. Did you mean 'rate_limit'"):
        broker.register_task(lambda: None, "t", rate_limi=1)


class Retries(TaskiqMiddleware):
    """Looks as if it retried."""

    def on_error(self, message: Any, result: Any, exception: Any) -> None: ...


@pytest.mark.parametrize(
    ("labels", "middlewares", "is_warned"),
    [
        ({"retry_on_error": True}, [], True),
        ({"retry_on_error": True}, [TaskiqMiddleware()], True),
        ({"retry_on_error": True}, [Retries()], False),
        ({"retry_on_error": False}, [], False),
        ({}, [], False),
    ],
)
async def test_retries_without_a_middleware_are_named_when_a_worker_starts(
    broker: Any,
    caplog: pytest.LogCaptureFixture,
    labels: dict[str, Any],
    middlewares: list[TaskiqMiddleware],
    is_warned: bool,
) -> None:
    broker.is_worker_process = True
    broker.register_task(lambda: None, "flaky", **labels)
    broker.add_middlewares(*middlewares)

    await broker.startup()

    assert ("no middleware retries them: flaky." in caplog.text) is is_warned

"""Labels for the queue are checked before a message is stored."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core.brokers.queue_labels import (
    MAX_SECONDS,
    NO_LABELS,
    QueueLabels,
    delay_of,
    queue_labels,
    queue_of,
)
from taskiq_core.exceptions import SendTaskError
from taskiq_core.messages.message import BrokerMessage


def read(**labels: Any) -> QueueLabels:
    message = BrokerMessage(task_id="id", task_name="task", message=b"", labels=labels)
    return queue_labels(message)


def test_without_labels_nothing_is_asked_for() -> None:
    assert read() is NO_LABELS
    assert read(other=1) == NO_LABELS


def test_all_of_them() -> None:
    asked = read(delay="1.5", priority="3", expires=60, unique_key=7, queue_name="mails")

    assert asked == QueueLabels(
        delay=1.5, priority=3, expires_after=60.0, unique_key="7", queue="mails"
    )


def test_a_delay_that_is_over_is_none() -> None:
    assert read(delay=-5).delay == 0.0
    assert read(expires=-5).expires_after == -5.0


@given(st.floats(allow_nan=True))
def test_seconds_are_finite_or_refused(value: float) -> None:
    try:
        asked = read(expires=value)
    except SendTaskError:
        assert math.isnan(value) or abs(value) > MAX_SECONDS
    else:
        assert asked.expires_after == value


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({"delay": "soon"}, "label 'delay' is 'soon', which is not a number of seconds"),
        ({"expires": 1e12}, "label 'expires' is 1000000000000.0, which is not a number of seconds"),
        ({"priority": 2**31}, "label 'priority' is 2147483648, which is not an integer of 32 bits"),
        ({"priority": "high"}, "label 'priority' is 'high', which is not an integer of 32 bits"),
        ({"unique_key": "\udcff"}, r"label 'unique_key' is '\\udcff', which is not text in UTF-8"),
        ({"queue_name": ""}, "label 'queue_name' is '', which is not a name of 1 to 200 printable"),
        ({"queue_name": "a\n"}, r"label 'queue_name' is 'a\\n', which is not a name of 1 to 200"),
        ({"queue_name": 200 * "a" + "b"}, "which is not a name of 1 to 200 printable characters"),
    ],
)
def test_what_they_can_not_have_is_refused(labels: dict[str, Any], text: str) -> None:
    with pytest.raises(SendTaskError, match=text):
        read(**labels)


def test_single_labels_are_read_without_a_look_at_the_others() -> None:
    labels = {"delay": "2", "queue_name": "mails", "priority": "high"}
    message = BrokerMessage(task_id="id", task_name="task", message=b"", labels=labels)

    assert delay_of(message) == 2.0
    assert queue_of(message) == "mails"

"""Labels travel as text and come back as the values they were."""

import enum
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskiq_core.capabilities import Capability
from taskiq_core.messages.acks import AcknowledgeType, parse_acknowledge_type
from taskiq_core.messages.labels import (
    NEEDED_CAPABILITY,
    REQUEUE,
    LabelType,
    attempt_of,
    parse_label,
    prepare_label,
    prepare_labels,
)
from taskiq_core.messages.message import TaskiqMessage

label_values = (
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=64)
)


@given(label_values)
def test_plain_value_comes_back_with_its_type(value: Any) -> None:
    text, label_type = prepare_label(value)

    back = parse_label(text, label_type)

    assert isinstance(text, str)
    assert back == value
    assert type(back) is type(value)


@given(st.dictionaries(st.text(), label_values))
def test_labels_of_a_message_survive_json(labels: dict[str, Any]) -> None:
    texts, types = prepare_labels(labels)
    sent = TaskiqMessage(
        task_id="1", task_name="t", labels=texts, labels_types=types, args=[], kwargs={}
    )

    received = TaskiqMessage.model_validate(json.loads(sent.model_dump_json()))
    received.parse_labels()

    assert received.labels == labels
    assert [type(value) for value in received.labels.values()] == [
        type(value) for value in labels.values()
    ]


@pytest.mark.parametrize(
    ("value", "text", "label_type"),
    [
        (True, "True", LabelType.BOOL),
        (1, "1", LabelType.INT),
        (1.0, "1.0", LabelType.FLOAT),
        ("1", "1", LabelType.STR),
        (b"\xff", "/w==", LabelType.BYTES),
        (None, "None", LabelType.ANY),
        ([1], "[1]", LabelType.ANY),
    ],
    ids=repr,
)
def test_text_and_type_on_the_wire(value: Any, text: str, label_type: LabelType) -> None:
    assert prepare_label(value) == (text, label_type.value)


def test_numbers_of_the_types_are_those_of_older_versions() -> None:
    assert {member.name: member.value for member in LabelType} == {
        "ANY": 1,
        "INT": 2,
        "STR": 3,
        "FLOAT": 4,
        "BOOL": 5,
        "BYTES": 6,
    }


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes", "on"])
def test_texts_that_mean_yes(text: str) -> None:
    assert parse_label(text, LabelType.BOOL) is True


@pytest.mark.parametrize("text", ["False", "0", "no", "off", ""])
def test_texts_that_mean_no(text: str) -> None:
    assert parse_label(text, LabelType.BOOL) is False


@pytest.mark.parametrize("label_type", [None, LabelType.ANY, LabelType.STR, 0, 99])
def test_text_of_an_unknown_type_stays_text(label_type: int | None) -> None:
    assert parse_label("12", label_type) == "12"


@pytest.mark.parametrize("value", [5, 1.5, None, ["a"], {"a": 1}])
def test_value_that_is_no_text_stays(value: Any) -> None:
    assert parse_label(value, LabelType.STR) == value


@pytest.mark.parametrize(
    ("text", "label_type"),
    [("many", LabelType.INT), ("1.5", LabelType.INT), ("x", LabelType.FLOAT), ("a", 6)],
)
def test_text_that_does_not_fit_its_type_is_refused(text: str, label_type: int) -> None:
    message = TaskiqMessage(
        task_id="1",
        task_name="t",
        labels={"label": text},
        labels_types={"label": label_type},
        args=[],
        kwargs={},
    )

    with pytest.raises(ValueError, match=r"could not convert|invalid literal|base64|padding"):
        message.parse_labels()


def test_labels_without_types_are_left_alone() -> None:
    message = TaskiqMessage(
        task_id="1", task_name="t", labels={"a": "1", "b": 2}, args=[], kwargs={}
    )

    message.parse_labels()

    assert message.labels == {"a": "1", "b": 2}


def test_some_labels_can_be_kept_back() -> None:
    texts, types = prepare_labels({"a": 1, "local": object()}, without={"local"})

    assert (texts, types) == ({"a": "1"}, {"a": LabelType.INT})


def test_acknowledgement_type_as_a_label_can_be_read_back() -> None:
    for member in AcknowledgeType:
        assert parse_acknowledge_type(parse_label(*prepare_label(member))) is member


def test_number_of_an_enumeration_travels_as_its_digits() -> None:
    class Urgency(enum.IntEnum):
        HIGH = 3

    assert prepare_label(Urgency.HIGH) == ("3", LabelType.ANY)


@pytest.mark.parametrize(("labels", "attempt"), [({}, 1), ({REQUEUE: 2}, 3), ({REQUEUE: "4"}, 5)])
def test_attempt_is_one_more_than_the_deliveries_before(
    labels: dict[str, Any], attempt: int
) -> None:
    assert attempt_of(labels) == attempt


def test_attempt_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="'often'"):
        attempt_of({REQUEUE: "often"})


def test_labels_for_the_broker_and_what_they_need() -> None:
    assert NEEDED_CAPABILITY == {
        "delay": Capability.DELAY,
        "priority": Capability.PRIORITY,
        "expires": Capability.EXPIRY,
        "unique_key": Capability.UNIQUE,
        "queue_name": Capability.QUEUES,
    }

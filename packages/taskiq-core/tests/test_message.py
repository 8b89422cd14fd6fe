"""Messages as the sides see them: fields, labels, JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from taskiq_core.messages.labels import LabelType
from taskiq_core.messages.message import (
    BrokerMessage,
    TaskiqMessage,
    make_broker_message,
    make_message,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
messages = st.builds(
    TaskiqMessage,
    task_id=st.text(),
    task_name=st.text(),
    labels=st.dictionaries(st.text(), st.text()),
    labels_types=st.none() | st.dictionaries(st.text(), st.integers(1, 6)),
    args=st.lists(json_values, max_size=4),
    kwargs=st.dictionaries(st.text(), json_values, max_size=4),
)


@given(messages)
def test_message_survives_json(message: TaskiqMessage) -> None:
    assert TaskiqMessage.model_validate_json(message.model_dump_json()) == message


def test_fields_are_those_of_older_versions() -> None:
    message = TaskiqMessage(task_id="1", task_name="t", labels={}, args=[1], kwargs={"a": None})

    assert message.model_dump_json() == (
        '{"task_id":"1","task_name":"t","labels":{},"labels_types":null,'
        '"args":[1],"kwargs":{"a":null}}'
    )


def test_message_of_an_older_version_has_no_types_of_labels() -> None:
    message = TaskiqMessage.model_validate_json(
        '{"task_id":"1","task_name":"t","labels":{"a":1},"args":[],"kwargs":{}}'
    )

    message.parse_labels()

    assert message.labels == {"a": 1}


def test_field_of_a_newer_version_is_no_obstacle() -> None:
    message = TaskiqMessage.model_validate_json(
        '{"task_id":"1","task_name":"t","labels":{},"args":[],"kwargs":{},"sent_at":3}'
    )

    assert message.task_id == "1"


def test_labels_are_parsed_in_place_and_twice_does_no_harm() -> None:
    message = TaskiqMessage(
        task_id="1",
        task_name="t",
        labels={"count": "3", "fast": "False", "key": "YWI=", "free": "3"},
        labels_types={
            "count": LabelType.INT,
            "fast": LabelType.BOOL,
            "key": LabelType.BYTES,
            "gone": LabelType.INT,
        },
        args=[],
        kwargs={},
    )
    expected = {"count": 3, "fast": False, "key": b"ab", "free": "3"}

    message.parse_labels()
    once = dict(message.labels)
    message.parse_labels()

    assert once == expected
    assert message.labels == expected


def test_quick_constructors_check_what_the_classes_check() -> None:
    made = make_message(
        {"task_id": "1", "task_name": "t", "labels": {}, "args": (1, 2), "kwargs": {}}
    )
    stored = make_broker_message(
        {"task_id": "1", "task_name": "t", "labels": {}, "message": b"\x00"}
    )

    assert made == TaskiqMessage(task_id="1", task_name="t", labels={}, args=[1, 2], kwargs={})
    assert stored == BrokerMessage(task_id="1", task_name="t", labels={}, message=b"\x00")
    with pytest.raises(ValidationError, match="task_name"):
        make_message({"task_id": "1", "labels": {}, "args": [], "kwargs": {}})
    with pytest.raises(ValidationError, match="task_id"):
        make_broker_message({"task_id": 1, "task_name": "t", "labels": {}, "message": b""})

"""Messages of strangers are read within bounds, or refused in few words."""

import json
from typing import Any

import pytest

from taskiq_core.exceptions import UnreadableMessageError
from taskiq_core.flow.read import read_message, task_id_of
from taskiq_core.formatters.proxy_formatter import ProxyFormatter
from taskiq_core.messages.delivery import AckOnlyDelivery
from taskiq_core.serializers.json_serializer import JSONSerializer

MESSAGE = {"task_id": "id", "task_name": "work", "labels": {}, "args": [], "kwargs": {}}


class Lenient(JSONSerializer):
    """Reads lone surrogates, which the compiled reader refuses."""


class HasLenient:
    serializer = Lenient()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task_id": "i" * 70_000}, "task id has 70000 characters"),
        ({"task_name": "n" * 70_000}, "task name has 70000 characters"),
        ({"task_id": "a\0b"}, "Leave out characters NUL"),
        ({"task_id": "\ud800"}, "lone surrogates"),
        ({"task_name": "\udfff"}, "its task name is not Unicode"),
        ({"labels": {"x": "y" * 70_000}, "labels_types": {"x": 2}}, "invalid literal for int()"),
    ],
)
def test_what_no_store_can_keep_is_unreadable_and_not_quoted(
    changes: dict[str, Any], reason: str
) -> None:
    delivery = AckOnlyDelivery(json.dumps({**MESSAGE, **changes}).encode(), None)

    with pytest.raises(
        UnreadableMessageError, match=reason.replace("(", r"\(").replace(")", r"\)")
    ) as caught:
        read_message(delivery, ProxyFormatter(HasLenient()))

    assert len(str(caught.value)) < 1_000
    assert task_id_of(delivery) == (None if "task_id" in changes else "id")


def test_long_names_below_the_limit_are_read() -> None:
    body = json.dumps({**MESSAGE, "task_id": "i" * 65_535, "task_name": "naïve\n"}).encode()

    message = read_message(AckOnlyDelivery(body, None), ProxyFormatter(HasLenient()))

    assert len(message.task_id) == 65_535

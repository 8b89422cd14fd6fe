"""A task on its way: as taskiq sees it, and as brokers carry it."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from taskiq_core.messages.labels import parse_label


class TaskiqMessage(BaseModel):
    """One call of a task.

    Attributes:
        labels: between client and worker the values are text, `labels_types` says what they were.
    """

    # JSON has no bytes, and null in place of NaN would be another value.
    model_config = ConfigDict(ser_json_bytes="base64", ser_json_inf_nan="constants")

    task_id: str
    task_name: str
    labels: dict[str, Any]
    labels_types: dict[str, int] | None = None
    args: list[Any]
    kwargs: dict[str, Any]

    def parse_labels(self) -> None:
        """Turn the labels' texts into the values they were, in place.

        Raises:
            ValueError: a label's text does not fit its type.
        """
        if not self.labels_types:
            return
        types = self.labels_types
        self.labels = {
            name: parse_label(value, types.get(name)) for name, value in self.labels.items()
        }


class BrokerMessage(BaseModel):
    """What a broker stores: opaque bytes, and beside them what it may need to route them."""

    task_id: str
    task_name: str
    message: bytes
    labels: dict[str, Any]


MAX_NAME: Final = 65_535
"""Characters of a task's id or name at most."""


def wrong_task_id(task_id: str) -> str | None:
    """What is wrong with the id of a task; None if every store can keep it."""
    if len(task_id) > MAX_NAME:
        return f"its task id has {len(task_id)} characters, {MAX_NAME} are allowed"
    if task_id.isprintable() or ("\0" not in task_id and is_unicode(task_id)):
        return None
    return (
        f"its task id {task_id!r} can't be kept by every store. "
        "Leave out characters NUL and lone surrogates"
    )


def is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which UTF-8 can't express."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# One of each is made for every task: validating a dict is a third faster than calling the class.
make_message: Callable[[dict[str, Any]], TaskiqMessage]
make_message = TaskiqMessage.__pydantic_validator__.validate_python
make_broker_message: Callable[[dict[str, Any]], BrokerMessage]
make_broker_message = BrokerMessage.__pydantic_validator__.validate_python

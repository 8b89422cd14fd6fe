"""Labels: the names that core reads, and how values travel as text."""

import base64
from collections.abc import Collection, Mapping
from enum import IntEnum
from typing import Any, Final

from taskiq_core.capabilities import Capability
from taskiq_core.messages.acks import parse_acknowledge_type

DELAY: Final = "delay"
"""float, seconds: deliver the message no earlier than this long after it was sent."""
TIMEOUT: Final = "timeout"
"""float, seconds: how long the function may run."""
PRIORITY: Final = "priority"
"""int: messages with a higher one are delivered first."""
EXPIRES: Final = "expires"
"""float, seconds: do not deliver the message later than this long after it was sent."""
UNIQUE_KEY: Final = "unique_key"
"""str: at most one message with this key is queued."""
QUEUE_NAME: Final = "queue_name"
"""str: the queue that the message goes to, one of its broker's; the default one without it."""
ACK_TYPE: Final = "ack_type"
"""AcknowledgeType or its value: when the delivery is acknowledged."""
REQUEUE: Final = "X-Taskiq-requeue"
"""str, a number: how many deliveries of the message there were before this one."""
RETRIES: Final = "_retries"
"""int: how often the task failed before this attempt; set by core before the first hook."""
SENT_AT: Final = "X-Taskiq-sent-at"
"""float, seconds since the epoch: when the message was sent; set by middlewares that measure."""
FENCE: Final = "X-Taskiq-fence"
"""int: on results only; which delivery it came from. A later delivery has a higher number."""
BURY: Final = "X-Taskiq-bury"
"""str: set by a middleware on a message whose task failed: bury it, for this reason."""

RELEASE: Final = "X-Taskiq-release"
"""float, seconds: set by a middleware on a message whose task failed: store the error as its
result, and then have the message delivered again after this long."""

INTERNAL_LABELS: Final = frozenset({REQUEUE, SENT_AT, FENCE, BURY, RELEASE})
"""Labels that core and its plugins set for each other, and users don't."""

NEEDED_CAPABILITY: Final = {
    DELAY: Capability.DELAY,
    PRIORITY: Capability.PRIORITY,
    EXPIRES: Capability.EXPIRY,
    UNIQUE_KEY: Capability.UNIQUE,
    QUEUE_NAME: Capability.QUEUES,
}
"""Labels that a broker has to honour, and the capability that says it does."""


class LabelType(IntEnum):
    """What a label's value was before it became text."""

    ANY = 1
    INT = 2
    STR = 3
    FLOAT = 4
    BOOL = 5
    BYTES = 6


# By exact type: bool is an int, too, and must stay a bool.
_TYPES: Final = {
    int: LabelType.INT,
    str: LabelType.STR,
    float: LabelType.FLOAT,
    bool: LabelType.BOOL,
    bytes: LabelType.BYTES,
}
_TRUE: Final = frozenset({"true", "1", "yes", "on"})


def prepare_label(label_value: Any) -> tuple[str, int]:
    """The text of a label and the type to restore it with; bytes become base64."""
    label_type = _TYPES.get(type(label_value), LabelType.ANY)
    if label_type is LabelType.BYTES:
        return base64.b64encode(label_value).decode("ascii"), label_type.value
    return str(label_value), label_type.value


def prepare_labels(
    labels: Mapping[str, Any],
    *,
    without: Collection[str] = (),
) -> tuple[dict[str, str], dict[str, int]]:
    """Texts and types of many labels, but for some."""
    texts: dict[str, str] = {}
    types: dict[str, int] = {}
    for name, value in labels.items():
        if name not in without:
            texts[name], types[name] = prepare_label(value)
    return texts, types


def parse_label(label_value: Any, label_type: int | None = None) -> Any:
    """The value of a label that came over the wire.

    Args:
        label_value: what came; values that are not text are returned as they are.
        label_type: a LabelType; None and unknown ones leave the value alone.

    Raises:
        ValueError: the text is not a value of that type.
    """
    if not isinstance(label_value, str):
        return label_value
    match label_type:
        case LabelType.INT:
            return int(label_value)
        case LabelType.FLOAT:
            return float(label_value)
        case LabelType.BOOL:
            return label_value.lower() in _TRUE
        case LabelType.BYTES:
            return base64.b64decode(label_value)
        case _:
            return label_value


def wrong_timeout(value: Any) -> str | None:
    """What is wrong with a value of the label `timeout`; None if nothing is."""
    try:
        seconds = float(str(value))  # labels travel as text
    except ValueError:
        seconds = -1.0
    if seconds >= 0:  # not true for NaN
        return None
    return f"its label {TIMEOUT!r} is {value!r}. Give a number of seconds, at least 0"


def wrong_label(labels: Mapping[str, Any]) -> str | None:
    """What is wrong with a label that the worker is to honour; None if nothing is."""
    if TIMEOUT in labels and (wrong := wrong_timeout(labels[TIMEOUT])):
        return wrong
    if ACK_TYPE in labels:
        try:
            parse_acknowledge_type(labels[ACK_TYPE])
        except ValueError as error:
            return f"its label {ACK_TYPE!r}: {error}"
    return None


def attempt_of(labels: Mapping[str, Any]) -> int:
    """Which attempt a message's labels say this is, from 1.

    Raises:
        ValueError: the label is not a number.
    """
    return int(labels.get(REQUEUE, 0)) + 1

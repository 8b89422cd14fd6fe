"""A broker in one line, for logs: which it is, where it is, and its queues."""

import re
from typing import Final

from taskiq_core.abc.broker import AbstractBroker

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]*@")


def describe_broker(broker: AbstractBroker) -> str:
    """Return the `repr` of a broker without credentials, or its class where it has no `repr`."""
    name = type(broker).__name__
    if type(broker).__repr__ is object.__repr__:
        return name
    return _CREDENTIALS.sub("***@", repr(broker))


def describe_queues(broker: AbstractBroker) -> str:
    """Return the queues that a worker listens to: `queues mails, reports=3`."""
    selection = broker.queues
    if selection is None:
        return f"queue {broker.queue_name}"
    names = str(selection).replace(",", ", ")
    order = ", strictly in this order" if selection.is_strict else ""
    return f"queue{'s' if len(selection.weights) > 1 else ''} {names}{order}"

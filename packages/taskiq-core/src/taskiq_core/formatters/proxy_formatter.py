"""Messages as the bytes of whatever serializer a broker has."""

from typing import Protocol

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.formatters.json_formatter import JSONFormatter
from taskiq_core.messages.message import BrokerMessage, TaskiqMessage
from taskiq_core.serializers.json_serializer import JSONSerializer


class HasSerializer(Protocol):
    """Anything with a serializer; brokers let it be replaced at any time before start-up."""

    serializer: TaskiqSerializer


class ProxyFormatter(TaskiqFormatter):
    """Formats with the serializer that `broker` has; the default formatter.

    The default serializer, JSON without options, takes the compiled path of `JSONFormatter`: the
    same bytes for plain data, and models, dataclasses, dates and the like besides.
    """

    def __init__(self, broker: HasSerializer) -> None:
        self.broker = broker
        self._json = JSONFormatter()

    def dumps(self, message: TaskiqMessage) -> BrokerMessage:
        """The message in the serializer's format."""
        serializer = self.broker.serializer
        if _is_plain_json(serializer):
            return self._json.dumps(message)
        return BrokerMessage(
            task_id=message.task_id,
            task_name=message.task_name,
            message=serializer.dumpb(message.model_dump()),
            labels=message.labels,
        )

    def loads(self, message: bytes) -> TaskiqMessage:
        """The message of bytes in the serializer's format."""
        serializer = self.broker.serializer
        if _is_plain_json(serializer):
            return self._json.loads(message)
        return TaskiqMessage.model_validate(serializer.loadb(message))


def _is_plain_json(serializer: TaskiqSerializer) -> bool:
    return type(serializer) is JSONSerializer and serializer.default is None

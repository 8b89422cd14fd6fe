"""Messages as JSON, by pydantic's compiled encoder and decoder."""

from taskiq_core.abc.formatter import TaskiqFormatter
from taskiq_core.messages.message import BrokerMessage, TaskiqMessage, make_broker_message
from taskiq_core.messages.readable import SHORTEST_UNREADABLE, require_readable

# What model_dump_json and model_validate_json call, without their handling of options.
_to_json = TaskiqMessage.__pydantic_serializer__.to_json
_from_json = TaskiqMessage.__pydantic_validator__.validate_json


class JSONFormatter(TaskiqFormatter):
    """One JSON object a message, with the fields of `TaskiqMessage`."""

    def dumps(self, message: TaskiqMessage) -> BrokerMessage:
        """The message as JSON.

        Raises:
            ValueError: it can't be written, or not be read again.
        """
        body = _to_json(message)
        if len(body) >= SHORTEST_UNREADABLE:
            require_readable(body)
        return make_broker_message(
            {
                "task_id": message.task_id,
                "task_name": message.task_name,
                "message": body,
                "labels": message.labels,
            }
        )

    def loads(self, message: bytes) -> TaskiqMessage:
        """The message of a JSON object."""
        loaded: TaskiqMessage = _from_json(message)
        return loaded

"""ResultCoding: results as the bytes that a store keeps; for result backends."""

from typing import Any

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.exceptions import ResultGetError
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.readable import SHORTEST_UNREADABLE, require_readable
from taskiq_core.messages.result import TaskiqResult

# What model_dump_json and model_validate_json call, without their handling of options.
_to_json = TaskiqResult.__pydantic_serializer__.to_json
_from_json = TaskiqResult.__pydantic_validator__.validate_json


class ResultCoding:
    """Writes and reads results.

    Args:
        serializer: of the results; JSON by pydantic if there is none.
    """

    def __init__(self, serializer: TaskiqSerializer | None = None) -> None:
        self._serializer = serializer

    def dumps(self, result: TaskiqResult[Any]) -> bytes:
        """The bytes of a result.

        Raises:
            ValueError: the return value can't be serialized, or not be read again (also TypeError,
                by some serializers).
        """
        if self._serializer is None:
            body = _to_json(result)
            if len(body) >= SHORTEST_UNREADABLE:
                require_readable(body)
            return body
        return self._serializer.dumpb(result.model_dump())

    def loads(self, body: bytes, *, with_logs: bool) -> TaskiqResult[Any]:
        """The result.

        Args:
            body: its bytes.
            with_logs: whether what the task logged is wanted, too.

        Raises:
            ResultGetError: it can't be read; its serializer is another one, perhaps.
        """
        try:
            result: TaskiqResult[Any] = (
                _from_json(body)
                if self._serializer is None
                else TaskiqResult.model_validate(self._serializer.loadb(body))
            )
        except Exception as error:  # whatever a serializer raises
            raise ResultGetError from error
        if not with_logs:
            result.log = None
        return result


def fence_of(result: TaskiqResult[Any]) -> int | None:
    """Return the fence of the delivery that made a result, or None if it has no fence."""
    fence = result.labels.get(FENCE)
    return None if fence is None else int(fence)

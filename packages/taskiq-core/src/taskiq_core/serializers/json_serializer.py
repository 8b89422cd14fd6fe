"""JSON, the default serializer."""

import json
from collections.abc import Callable
from typing import Any

from taskiq_core.abc.serializer import TaskiqSerializer
from taskiq_core.messages.readable import SHORTEST_UNREADABLE, require_readable_by_standard_library
from taskiq_core.serializers.plain import to_plain


class JSONSerializer(TaskiqSerializer):
    """JSON by the standard library.

    Args:
        default: called for what JSON can't express; returns something it can. None for the forms
            of `plain.to_plain`.
        ensure_ascii: whether other characters are escaped.
    """

    def __init__(
        self,
        default: Callable[..., None] | None = None,
        ensure_ascii: bool = True,
    ) -> None:
        self.default = default
        self.ensure_ascii = ensure_ascii

    def dumpb(self, value: Any) -> bytes:
        """The value as JSON in UTF-8."""
        default = self.default or to_plain
        body = json.dumps(value, default=default, ensure_ascii=self.ensure_ascii).encode()
        if len(body) >= SHORTEST_UNREADABLE:
            require_readable_by_standard_library(body)
        return body

    def loadb(self, value: bytes) -> Any:
        """The value of a JSON text in UTF-8."""
        return json.loads(value)

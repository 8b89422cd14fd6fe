"""ActionForm: what a viewer has typed, checked."""

import json
import math
from collections.abc import Mapping
from typing import Any

from taskiq_core.messages.message import wrong_task_id
from taskiq_web.errors import RequestRefusedError


class ActionForm:
    """The fields of a request that changes something; all of them are text or missing.

    Args:
        fields: by name.
    """

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        """Return a field; empty if it is missing."""
        return self._fields.get(name, "")

    def required(self, name: str) -> str:
        """Return a field that must have a value."""
        value = self.text(name)
        if not value:
            raise refused(f"The field {name} is missing.")
        return value

    def task_id(self) -> str:
        """Return the id of a task."""
        value = self.required("task_id")
        if wrong := wrong_task_id(value):
            raise refused(f"That can't be the id of a task: {wrong}.")
        return value

    def integer(self, name: str) -> int:
        """Return a field that is a number without a fraction."""
        text = self.required(name)
        if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004  # 64 bits
            raise refused(f"The field {name} is not a number.")
        return int(text)

    def rate(self) -> float | None:
        """Return the field `rate`, items in a second; None if it is empty."""
        text = self.text("rate").strip()
        if not text:
            return None
        try:
            rate = float(text)
        except ValueError:
            rate = math.nan
        if not 0 < rate <= 1e6:  # noqa: PLR2004  # faster than any store
            raise refused("The rate is not a number above 0.")
        return rate

    def json(self, name: str, kind: type) -> Any:
        """Return a field that is JSON.

        Args:
            name: of the field.
            kind: list or dict.
        """
        text = self.text(name).strip() or ("[]" if kind is list else "{}")
        try:
            value = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise refused(f"The field {name} is not JSON: {error}.") from error
        if not isinstance(value, kind):
            shape = "a list, as in [1, 2]" if kind is list else 'an object, as in {"a": 1}'
            raise refused(f"The field {name} is not {shape}.")
        return value


def refused(reason: str) -> RequestRefusedError:
    """Return the error for a request that makes no sense."""
    return RequestRefusedError(status=422, reason=reason)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")

"""Plain data for what a serializer has no form for."""

from typing import Any

from pydantic_core import to_jsonable_python


def to_plain(value: Any) -> Any:
    """Dates, UUIDs, decimals, enums, sets, models, dataclasses as JSON has them; bytes as base64.

    What annotations restore (`typed_values`).

    Raises:
        ValueError: there is no such form.
    """
    return to_jsonable_python(value, bytes_mode="base64")

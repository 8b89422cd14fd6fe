"""Values of messages as plain data, bounded in size and depth, without what is to be masked."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from taskiq_web.access import Access

MASK: Final = "•••"
"""What stands in place of a value that is masked."""
MAX_TEXT: Final = 4_000
"""Characters of one text."""
MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 200
"""Items of one list or mapping."""
MAX_VALUES: Final = 2_000
"""Values of one message."""
_MAX_INTEGER_BITS: Final = 1_024
"""Python refuses to print integers with very many digits."""


class ValueReader:
    """Turns untrusted values into plain data that a page can show.

    Args:
        access: says what is masked.

    Attributes:
        is_masked: whether a value was masked so far.
        is_cut: whether a value was cut so far.
    """

    def __init__(self, access: Access) -> None:
        self._names = tuple(name.lower() for name in access.masked_names)
        self._masks_content = access.masks_content
        self._left = MAX_VALUES
        self.is_masked = False
        self.is_cut = False

    def read(self, value: Any, *, name: str = "") -> Any:
        """Return a value as plain data.

        Args:
            value: anything, nested as deeply as it may be.
            name: of the argument or the label; it may be one that is masked.
        """
        return self._read(value, name, 0)

    def _read(self, value: Any, name: str, depth: int) -> Any:
        if self._masks_content or self._is_secret(name):
            self.is_masked = True
            return MASK
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            self.is_cut = True
            return "…"
        if value is None or isinstance(value, bool | int | float | str | bytes):
            return self._scalar(value)
        return self._container(value, depth)

    def _is_secret(self, name: str) -> bool:
        lower = name.lower().replace("-", "_")
        return any(part in lower for part in self._names)

    def _scalar(self, value: Any) -> Any:
        if isinstance(value, bytes):
            return self._cut(value[: MAX_TEXT + 1].decode(errors="backslashreplace"))
        if isinstance(value, str):
            return self._cut(str(value))
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
            self.is_cut = True
            return f"an integer of {value.bit_length()} bits"
        return value

    def _cut(self, text: str) -> str:
        if len(text) <= MAX_TEXT:
            return text
        self.is_cut = True
        return f"{text[:MAX_TEXT]}… ({len(text):,} characters)"

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, BaseModel):
            value = dict(_fields_of_model(value))
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            pairs = self._some(value.items())
            return {str(key): self._read(each, str(key), depth + 1) for key, each in pairs}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._read(each, "", depth + 1) for each in self._some(value)]
        return self._cut(described(value))

    def _some(self, items: Iterable[Any]) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == MAX_ITEMS:
                self.is_cut = True
                return
            yield item


def described(value: object) -> str:
    """Return the repr of a value, whatever its class does."""
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # the application's own class may have any bug
        return f"<{type(value).__name__} whose repr fails>"


def _fields_of_model(model: BaseModel) -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        yield name, getattr(model, name, None)

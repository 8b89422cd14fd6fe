"""Whether JSON that was written can be read: readers have limits that writers do not have."""

import json
from typing import Final

from pydantic_core import from_json

SHORTEST_UNREADABLE: Final = 390
"""How many bytes there have to be before any limit can be reached."""
_DEPTH: Final = 195
"""Below what pydantic's reader refuses, which is 200."""
_STANDARD_DEPTH: Final = 400
"""Below what the reader of the standard library refuses; it depends on who calls it."""
_MARGIN: Final = 100
"""How much deeper the call of a reader may be than that of the writer."""
_DIGITS: Final = 4301
"""From so many on, Python refuses to make an integer of a text."""

_OTHER_THAN_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS_AS_ZERO: Final = bytes(b"0"[0] if chr(byte).isdigit() else byte for byte in range(128)) + (
    bytes(range(128, 256))
)
_MANY_DIGITS: Final = b"0" * _DIGITS


def require_readable(body: bytes) -> None:
    """Check what pydantic wrote; only what may reach a limit is read for that.

    Raises:
        ValueError: it is nested too deep, or has an integer with too many digits.
    """
    if _may_be_nested(body, _DEPTH) or _may_have_many_digits(body):
        try:
            from_json(body)
        except ValueError as error:
            raise ValueError(f"it could be written, but not be read again: {error}") from error


def require_readable_by_standard_library(body: bytes) -> None:
    """Check what the standard library wrote, which refuses long integers itself.

    Raises:
        ValueError: it is nested too deep.
    """
    if _may_be_nested(body, _STANDARD_DEPTH):
        try:
            json.loads(b"[" * _MARGIN + body + b"]" * _MARGIN)
        except RecursionError as error:
            reason = "it could be written, but not be read again: it is nested too deep"
            raise ValueError(reason) from error


def _may_be_nested(body: bytes, depth: int) -> bool:
    """Whether brackets are nested so deep; those in texts may be taken for others."""
    brackets = body.translate(None, _OTHER_THAN_BRACKETS)
    while len(brackets) >= 2 * depth:
        size = len(brackets)
        # Flat data has vanished after a few rounds, at the speed of C.
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if len(brackets) > size * 3 // 4:
            return True
    return False


def _may_have_many_digits(body: bytes) -> bool:
    return len(body) >= _DIGITS and _MANY_DIGITS in body.translate(_DIGITS_AS_ZERO)

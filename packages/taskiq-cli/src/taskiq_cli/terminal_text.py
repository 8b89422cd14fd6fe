"""Untrusted texts, made safe for a terminal."""

import json
from typing import Any


def one_line(text: object) -> str:
    """A text without line breaks, and without codes that a terminal would obey."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text)
    )


def lines(text: str) -> str:
    """A text of several lines without terminal codes; line breaks stay, tabs become spaces."""
    return "\n".join(one_line(line.expandtabs()) for line in text.splitlines())


def shortened(text: object, width: int) -> str:
    """The text in one line of at most `width` characters."""
    whole = one_line(text)
    return whole if len(whole) <= width else f"{whole[: width - 3]}..."


def fields(pairs: dict[str, str]) -> str:
    """Return names and values, below each other; further lines of a value are indented."""
    width = max(map(len, pairs)) + 2
    found: list[str] = []
    for name, value in pairs.items():
        first, *others = value.split("\n") if value else [""]
        found.append(f"{name + ':':<{width}}{first}".rstrip())
        found += [f"{'':<{width}}{line}".rstrip() for line in others]
    return "\n".join(found)


def as_json(value: object) -> str:
    """JSON of any value; unknown types become their repr, bytes become URL-safe base64."""
    return json.dumps(plain(value), indent=2)


def plain(value: Any) -> Any:
    """The value in types that JSON has."""
    from pydantic_core import to_jsonable_python  # not for `taskiq health`

    return to_jsonable_python(
        value, bytes_mode="base64", inf_nan_mode="strings", fallback=_described
    )


def _described(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # the application's own class may have any bug
        return f"<{type(value).__name__} whose repr fails>"

"""Options of ours in a URL, beside those of the server."""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from taskiq_redis.errors import RedisUrlError

UNREADABLE: Final = (
    "its host or port can't be read. If the password has special characters, quote them: "
    "%23 for #, %2F for /, %40 for @"
)


def read_url(url: str, options: Mapping[str, Callable[[str], Any]]) -> tuple[str, dict[str, Any]]:
    """The URL of the server, and the options of ours that were in it.

    Args:
        url: what to read.
        options: names of ours, with what reads their values; others stay in the URL.

    Raises:
        RedisUrlError: the URL, or a value in it, can't be read.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        # What can't be read may be a piece of the password: nothing of it may be shown.
        raise RedisUrlError(reason=UNREADABLE) from None
    found: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in options:
            others.append((name, value))
            continue
        try:
            found[name] = options[name](value)
        except ValueError as error:
            raise RedisUrlError(reason=f"its option {name} is {value!r}") from error
    return parts._replace(query=urlencode(others)).geturl(), found

"""Options of ours in a URL, beside those of the server."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from taskiq_redis.errors import RedisUrlError


def read_url(url: str, options: Mapping[str, Callable[[str], Any]]) -> tuple[str, dict[str, Any]]:
    """The URL of the server, and the options of ours that were in it.

    Args:
        url: what to read.
        options: names of ours, with what reads their values; others stay in the URL.

    Raises:
        RedisUrlError: a value can't be read.
    """
    parts = urlsplit(url)
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

"""Options in the query of a URL: read, and refused where they are unknown."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from taskiq_core.exceptions import UrlOptionError

OptionReaders: TypeAlias = Mapping[str, Callable[[str], Any]]
"""The options that a URL may have, each with the function that reads its text.

A reader raises ValueError for a text that it can't read.
"""


def read_url_options(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any]]:
    """Read all options of a URL.

    Args:
        url: such as `sqlite:///tasks.db?lease=30`.
        readers: the options that it may have.

    Returns:
        The URL without its query, and the values by name.

    Raises:
        UrlOptionError: an option is unknown, or its value can't be read.
    """
    address, found, others = _divided(url, readers)
    for name, _ in others:
        raise UrlOptionError(reason=unknown_option(name, readers))
    return address, found


def take_url_options(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any]]:
    """Read the options of ours, and leave the others to the client library.

    Args:
        url: such as `redis://localhost?lease=30&health_check_interval=5`.
        readers: the options that are read here.

    Returns:
        The URL with the rest of its query, and the values by name.

    Raises:
        UrlOptionError: the value of an option can't be read.
    """
    address, found, others = _divided(url, readers)
    return f"{address}?{urlencode(others)}" if others else address, found


def unknown_option(name: str, known: Mapping[str, object]) -> str:
    """Return the sentence that refuses an option, with the known one that is meant or all."""
    similar = get_close_matches(name, known, 1)
    cure = f"did you mean {similar[0]!r}?" if similar else f"known are {', '.join(known)}"
    return f"unknown option {name!r}; {cure}"


def read_switch(text: str) -> bool:
    """Return the yes or no of a text; raises ValueError for any other text."""
    if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError(text)
    return text.lower() in ("true", "1", "yes")


def _divided(url: str, readers: OptionReaders) -> tuple[str, dict[str, Any], list[tuple[str, str]]]:
    address, _, query = url.partition("?")
    found: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in readers:
            others.append((name, value))
            continue
        try:
            found[name] = readers[name](value)
        except ValueError as error:
            raise UrlOptionError(reason=f"its option {name} is {value!r}") from error
    return address, found, others

"""The labels that mean something, so that a misspelt one or a wrong value is noticed."""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.messages.labels import (
    ACK_TYPE,
    DELAY,
    EXPIRES,
    PRIORITY,
    QUEUE_NAME,
    TIMEOUT,
    UNIQUE_KEY,
)


class LabelWarning(UserWarning):
    """A label of a task looks like a mistake."""


@dataclass(frozen=True, slots=True)
class KnownLabel:
    """A label that core, a broker or a middleware reads.

    Attributes:
        name: the label.
        meaning: what it does, as the manual lists it.
        expected: which values it takes, for a warning or an error.
        fits: whether it takes a value; None for any.
        aliases: what other task queues call it.
    """

    name: str
    meaning: str = ""
    expected: str = ""
    fits: Callable[[Any], bool] | None = None
    aliases: tuple[str, ...] = ()


def _is_seconds(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) >= 0  # not true for NaN
    except (TypeError, ValueError):
        return False


def _is_whole(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and int(str(value)) is not None
    except ValueError:
        return False


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool | int) or str(value).lower() in ("true", "false", "yes", "no")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_SECONDS: Final = "a number of seconds, at least 0"
KNOWN_LABELS: Final = (
    KnownLabel(
        DELAY,
        "deliver it no earlier than so many seconds after it was sent",
        _SECONDS,
        _is_seconds,
        aliases=("countdown", "eta"),
    ),
    KnownLabel(
        EXPIRES,
        "do not start it later than so many seconds after it was sent",
        _SECONDS,
        _is_seconds,
        aliases=("ttl",),
    ),
    KnownLabel(  # checked by core itself
        TIMEOUT,
        "stop it when it has run for so many seconds",
        aliases=("time_limit", "soft_time_limit"),
    ),
    KnownLabel(PRIORITY, "deliver it before those with a lower one", "a whole number", _is_whole),
    KnownLabel(
        UNIQUE_KEY,
        "refuse a second one with this key until the first has ended",
        "text that is not empty",
        _is_text,
    ),
    KnownLabel(QUEUE_NAME, "send it to this queue of the broker"),
    KnownLabel(ACK_TYPE, "when its message is acknowledged"),  # checked by core itself
    KnownLabel("schedule", "send it by these schedules, of taskiq-scheduler"),
    KnownLabel(
        "retry_on_error",
        "run it again when it raises, with a middleware of taskiq-retry",
        "True or False",
        _is_switch,
        aliases=("autoretry_for",),
    ),
    KnownLabel(
        "max_retries",
        "how often it is run at most, the first time included",
        "a whole number",
        _is_whole,
        aliases=("max_retry", "retry_count"),
    ),
    KnownLabel("types_of_exceptions", "for which exceptions it is run again"),
)
"""Those of core and of the packages that come with taskiq."""


def find_wrong_values(labels: Mapping[str, Any], known: Iterable[KnownLabel]) -> dict[str, str]:
    """Return what is wrong with the values of labels, by label."""
    return {
        label.name: (f"its label {label.name!r} is {labels[label.name]!r}. Give {label.expected}")
        for label in known
        if label.name in labels and label.fits is not None and not label.fits(labels[label.name])
    }


def find_misspelt(labels: Collection[str], known: Iterable[KnownLabel]) -> dict[str, str]:
    """Return the labels that look like known ones, and what was meant."""
    names = {label.name: label.name for label in known}
    meant = {**{alias: label.name for label in known for alias in label.aliases}, **names}
    found: dict[str, str] = {}
    for name in labels:
        if name in names or name.startswith(("_", "X-")):
            continue
        close = difflib.get_close_matches(name.lower(), meant, n=1, cutoff=0.82)
        if close:
            found[name] = meant[close[0]]
    return found

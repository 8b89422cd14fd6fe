"""Whether a task that failed is run again; no I/O."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from taskiq_core.messages.labels import RETRIES
from taskiq_retry.errors import NoRetryError

RETRY_ON_ERROR: Final = "retry_on_error"
"""bool: whether the task is run again when it fails."""
MAX_RETRIES: Final = "max_retries"
"""int: how often the task is run at most, the first time included."""
TYPES_OF_EXCEPTIONS: Final = "types_of_exceptions"
"""Exception classes that the task is run again for; read where it is declared, never sent."""
RETRY_DELAY: Final = "X-Taskiq-retry-delay"
"""float, seconds: what the delays of retries grow from, once a retry has its own `delay`."""


def is_true(value: Any) -> bool:
    """Return whether a label says yes; labels may be text."""
    return value.lower() in {"true", "1", "yes"} if isinstance(value, str) else bool(value)


def failures_of(labels: Mapping[str, Any]) -> int:
    """Return how often the task has failed, this failure included."""
    return int(labels.get(RETRIES) or 0) + 1


def concerns(
    error: BaseException,
    declared: Mapping[str, Any],
    types: tuple[type[BaseException], ...] | None,
) -> bool:
    """Return whether a task is to be run again for this exception.

    Args:
        error: what the task raised.
        declared: labels of the task where it is declared.
        types: for which exceptions, unless the declaration says; None for all.
    """
    if isinstance(error, NoRetryError):
        return False
    if TYPES_OF_EXCEPTIONS in declared:
        types = as_tuple(declared[TYPES_OF_EXCEPTIONS])
    return types is None or isinstance(error, types)


def as_tuple(
    types: Iterable[type[BaseException]] | type[BaseException] | None,
) -> tuple[type[BaseException], ...] | None:
    """Return exception classes in the form that isinstance takes."""
    if types is None:
        return None
    return (types,) if isinstance(types, type) else tuple(types)

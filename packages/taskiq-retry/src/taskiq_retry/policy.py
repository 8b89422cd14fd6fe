"""Whether a task that failed is run again; no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from taskiq_core.messages.labels import attempt_of
from taskiq_retry.errors import NoRetryError

RETRY_ON_ERROR: Final = "retry_on_error"
"""bool: whether the task is run again when it fails."""
MAX_RETRIES: Final = "max_retries"
"""int: how often the task is run at most, the first time included."""
TYPES_OF_EXCEPTIONS: Final = "types_of_exceptions"
"""Exception classes that the task is run again for; read where it is declared, never sent."""
RETRIES: Final = "_retries"
"""int: how often the task was run before this time."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When to run a task again; labels of a task come first.

    Attributes:
        default_retry_count: how often a task is run at most, the first time included.
        default_retry_label: whether tasks are retried that don't say.
        types_of_exceptions: for which exceptions; None for all.
    """

    default_retry_count: int
    default_retry_label: bool
    types_of_exceptions: tuple[type[BaseException], ...] | None

    def concerns(
        self,
        labels: Mapping[str, Any],
        declared: Mapping[str, Any],
        error: BaseException,
    ) -> bool:
        """Whether the task is to be retried after this failure, attempts aside.

        Args:
            labels: of the message.
            declared: labels of the task where it is declared.
            error: what it raised.
        """
        if isinstance(error, NoRetryError):
            return False
        if not _as_bool(labels.get(RETRY_ON_ERROR, self.default_retry_label)):
            return False
        types = _as_types(declared.get(TYPES_OF_EXCEPTIONS, self.types_of_exceptions))
        return types is None or isinstance(error, types)

    def may_run_again(self, labels: Mapping[str, Any]) -> bool:
        """Whether the attempt that failed was not the last one."""
        return attempt_of(labels) < int(labels.get(MAX_RETRIES, self.default_retry_count))


def as_tuple(
    types: Iterable[type[BaseException]] | None,
) -> tuple[type[BaseException], ...] | None:
    """Return exception classes in the form that isinstance takes."""
    return None if types is None else tuple(types)


def _as_bool(value: Any) -> bool:
    return value.lower() in {"true", "1", "yes"} if isinstance(value, str) else bool(value)


def _as_types(types: Any) -> tuple[type[BaseException], ...] | None:
    return (types,) if isinstance(types, type) else as_tuple(types)

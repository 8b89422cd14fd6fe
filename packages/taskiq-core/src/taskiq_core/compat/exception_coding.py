"""The functions by which taskiq 0.13 made exceptions sendable, on top of `exception_records`.

A coder here is what the older interface asks for: an object with `dumps` and `loads`.
"""

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

from taskiq_core.messages.exception_records import (
    ExceptionRepr,
    exception_from_record,
    exception_to_record,
    safe_repr,
)

_Decoded = TypeVar("_Decoded")
_Encoded = TypeVar("_Encoded")

_TOO_GENERAL = (Exception, BaseException, object)


class Coder(Protocol[_Decoded, _Encoded]):
    """Turns objects into something that can be sent, and back."""

    def loads(self, s: _Encoded) -> _Decoded:
        """The object of what was sent."""
        ...

    def dumps(self, obj: _Decoded) -> _Encoded:
        """What to send; raises for an object that can't be."""
        ...


def subclass_exception(name: str, parent: type[Exception], module: str) -> type[Exception]:
    """Make an exception class.

    Args:
        name: its name.
        parent: its base class.
        module: the module that it seems to be defined in.
    """
    return type(name, (parent,), {"__module__": module})


def create_exception_cls(
    name: str, module: str, parent: type[Exception] | None = None
) -> type[Exception]:
    """Make an exception class as `subclass_exception` does, by default below Exception."""
    return subclass_exception(name, parent or Exception, module)


def ensure_serializable(
    items: Iterable[_Decoded], coder: Coder[_Decoded, Any]
) -> tuple[_Decoded | str, ...]:
    """The items, with a text in place of each that the coder can't send."""
    return tuple(item if _is_sendable(item, coder) else safe_repr(item) for item in items)


def find_pickleable_exception(exc: BaseException, coder: Coder[Any, Any]) -> BaseException | None:
    """The exception as the nearest of its base classes that the coder can send.

    Exception itself and what is above it say nothing, so they do not count.

    Returns:
        None if there is none.
    """
    for cls in type(exc).__mro__:
        if cls in _TOO_GENERAL:
            return None
        try:
            candidate: BaseException = cls(*exc.args)
        except Exception:  # noqa: BLE001, S112  # a constructor with another signature
            continue
        if _is_sendable(candidate, coder):
            return candidate
    return None


def get_pickleable_exception(exc: BaseException, coder: Coder[Any, Any]) -> BaseException | None:
    """The exception itself if the coder can send it, else the nearest base class that it can."""
    return exc if _is_sendable(exc, coder) else find_pickleable_exception(exc, coder)


def get_pickled_exception(exc: BaseException) -> BaseException:
    """The exception itself: nothing is wrapped here."""
    return exc


def prepare_exception(exc: BaseException, coder: Coder[Any, Any]) -> BaseException | ExceptionRepr:
    """The exception as a record, whose arguments the coder can send."""
    record = exception_to_record(exc)
    record.exc_message = ensure_serializable(record.exc_message, coder)
    return record


def exception_to_python(exc: BaseException | ExceptionRepr | None) -> BaseException | None:
    """The exception of a record; anything else is returned as it is.

    Raises:
        SecurityError: the record names something that is not an exception class.
    """
    return exception_from_record(exc) if isinstance(exc, ExceptionRepr) else exc


def _is_sendable(value: Any, coder: Coder[Any, Any]) -> bool:
    try:
        coder.loads(coder.dumps(value))
    except Exception:  # noqa: BLE001  # whatever a coder raises
        return False
    return True

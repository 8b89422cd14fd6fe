"""Exceptions as plain records, and the older functions around them."""

from taskiq_core.compat.exception_coding import (
    Coder,
    create_exception_cls,
    ensure_serializable,
    exception_to_python,
    find_pickleable_exception,
    get_pickleable_exception,
    get_pickled_exception,
    prepare_exception,
    subclass_exception,
)
from taskiq_core.messages.exception_records import ExceptionRepr, safe_repr

__all__ = [
    "Coder",
    "ExceptionRepr",
    "create_exception_cls",
    "ensure_serializable",
    "exception_to_python",
    "find_pickleable_exception",
    "get_pickleable_exception",
    "get_pickled_exception",
    "prepare_exception",
    "safe_repr",
    "subclass_exception",
]

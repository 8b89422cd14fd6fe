"""Values restored from plain data to what an annotation says they are."""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NewType

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import to_json

from taskiq_core.loggers import get_logger

logger = get_logger(__name__)

_EXACT: Final = frozenset({int, str, float, bool})
_NOTHING_TO_RESTORE: Final = (Any, object, None, type(None), inspect.Parameter.empty)
_BASE64: Final = ConfigDict(val_json_bytes="base64", arbitrary_types_allowed=False)


class ValueAdapter:
    """Restores values of one type: a dict to a model, a list to a set, text to a datetime.

    What does not fit the annotation is left as it came, with a warning: annotations of functions
    that were written before they became tasks are not always meant.

    Attributes:
        annotation: what values are restored to.
        exact: the type of values that need no restoring, so that callers can skip the call; None if
            there is none.
    """

    __slots__ = ("_from_json", "_restore", "annotation", "exact")

    def __init__(self, annotation: Any, adapter: TypeAdapter[Any]) -> None:
        self.annotation = annotation
        self.exact = annotation if annotation in _EXACT else None
        self._restore: Callable[[Any], Any] = adapter.validator.validate_python
        # JSON carries bytes as base64, which pydantic undoes only where it reads JSON itself.
        self._from_json = (
            adapter.validator.validate_json if "'bytes'" in repr(adapter.core_schema) else None
        )

    def restore(self, value: Any, *, what: str) -> Any:
        """Return the value in the type of its annotation.

        Args:
            value: plain data, or a value that is of its type already.
            what: whose value it is, for the warning.
        """
        if type(value) is self.exact:
            return value
        try:
            return self.convert(value)
        except ValidationError as error:
            logger.warning(
                "The %s does not fit its annotation %s and is passed as it came (%s): %s",
                what,
                self.annotation,
                type(value).__name__,
                reason_of_mismatch(error),
            )
            return value

    def convert(self, value: Any) -> Any:
        """Return the value as its annotation says.

        Raises:
            pydantic.ValidationError: it does not fit.
        """
        if self._from_json is not None and not isinstance(value, bytes):
            return self._from_json(to_json(value, bytes_mode="base64"))
        return self._restore(value)


def reason_of_mismatch(error: ValidationError) -> str:
    """Return the first thing that does not fit, without the value."""
    return error.errors(include_url=False)[0]["msg"]


def adapter_for(annotation: Any) -> ValueAdapter | None:
    """Return the adapter of an annotation, or None if it does not restore anything."""
    try:
        return _cached_adapter(annotation)
    except TypeError:  # an annotation that can't be hashed
        return _make_adapter(annotation)


def _make_adapter(annotation: Any) -> ValueAdapter | None:
    if annotation in _NOTHING_TO_RESTORE:
        return None
    # A bare dataclass or typed dict refuses a configuration, under another name it takes it.
    # Models keep their own: they were serialized by it, too.
    renamed = NewType("renamed", annotation)  # type: ignore[valid-newtype]  # known at run time
    try:
        return ValueAdapter(annotation, TypeAdapter(renamed, config=_BASE64))
    except PydanticUserError:
        return None  # a class that pydantic knows nothing of
    except NameError:
        return None  # an annotation that only a type checker can resolve


_cached_adapter = lru_cache(maxsize=1024)(_make_adapter)

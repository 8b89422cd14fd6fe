"""Validation and normalization of the fields of a descriptor."""

import re
from collections.abc import Iterable

from taskiq_core.capabilities import Capability
from taskiq_core.plugins.errors import PluginSpecError

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")  # RFC 3986, section 3.1, in its canonical lower case
_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_TARGET = re.compile(rf"{_DOTTED}:{_DOTTED}")


class SpecChecks:
    """Checks the fields of one descriptor, and names the descriptor in errors.

    Args:
        spec: the descriptor, whose class and name go into the messages.
    """

    def __init__(self, spec: object) -> None:
        self._spec = spec

    def name(self, value: object) -> None:
        """A name: lower case, begins with a letter, words joined by `-`, `_` or `.`."""
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self._error(
                "name",
                value,
                "must be lower-case letters and digits, joined by '-', '_' or '.', such as 'redis'",
            )

    def text(self, field: str, value: object) -> None:
        """Any string."""
        if not isinstance(value, str):
            raise self._error(field, value, "must be a string")

    def words(self, field: str, value: object) -> tuple[str, ...]:
        """Any number of non-empty strings."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise self._error(field, value, "must be a tuple of strings, such as ('redis',)")
        words: tuple[object, ...] = tuple(value)
        if not all(isinstance(word, str) and word for word in words):
            raise self._error(field, value, "must be a tuple of strings, such as ('redis',)")
        return tuple(str(word) for word in words)

    def target(self, field: str, value: object) -> None:
        """A lazy target, `package.module:attribute`."""
        if not isinstance(value, str):
            raise self._error(
                field,
                value,
                "must be a string such as 'package.module:Name', so that listing imports nothing",
            )
        if not _TARGET.fullmatch(value):
            raise self._error(field, value, "must have the form 'package.module:Name'")

    def schemes(self, value: object) -> tuple[str, ...]:
        """URL schemes, without `://`."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise self._error("schemes", value, "must be a tuple of strings, such as ('redis',)")
        schemes: tuple[object, ...] = tuple(value)
        return tuple(self._scheme(scheme) for scheme in schemes)

    def capabilities(self, value: object) -> frozenset[Capability]:
        """Members of `Capability`, or their values."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise self._error("capabilities", value, "must be a set of Capability")
        try:
            return frozenset(Capability(item) for item in value)
        except ValueError:
            known = ", ".join(Capability)
            raise self._error(
                "capabilities", value, f"must be a set of Capability; there are: {known}"
            ) from None

    def _scheme(self, value: object) -> str:
        if not isinstance(value, str) or not _SCHEME.fullmatch(value):
            hint = "lower-case letters, digits, '+', '-' or '.', such as 'redis' (without '://')"
            raise self._error("schemes", value, f"must be {hint}")
        return value

    def _error(self, field: str, value: object, problem: str) -> PluginSpecError:
        name = getattr(self._spec, "name", None) or getattr(self._spec, "distribution", None)
        return PluginSpecError(
            spec=f"{type(self._spec).__name__}({name!r})",
            field=field,
            value=repr(value),
            problem=problem,
        )

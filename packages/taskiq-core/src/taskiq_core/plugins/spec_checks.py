"""Validation and normalization of the fields of a descriptor."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from taskiq_core.capabilities import Capability
from taskiq_core.plugins.errors import PluginSpecError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")  # RFC 3986, section 3.1, in its canonical lower case
_DOTTED = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_TARGET = re.compile(rf"{_DOTTED}:{_DOTTED}")


def check_fields(spec: "DataclassInstance") -> None:
    """Check each field of a new descriptor by what its name means, and normalize it.

    Raises:
        PluginSpecError: a field is invalid.
    """
    for field in fields(spec):
        value = getattr(spec, field.name)
        try:
            checked = _CHECKS[field.name](value)
        except _InvalidError as invalid:
            raise _error(spec, field.name, value, str(invalid)) from None
        object.__setattr__(spec, field.name, checked)


class _InvalidError(Exception):
    """A value can't be used: its argument says what it must be."""


def _name(value: object) -> str:
    """Lower case, begins with a letter, words joined by `-`, `_` or `.`."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _InvalidError(
            "must be lower-case letters and digits, joined by '-', '_' or '.', such as 'redis'"
        )
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _InvalidError("must be a string")
    return value


def _words(value: object) -> tuple[str, ...]:
    """Any number of non-empty strings."""
    words = _items(value, "must be a tuple of strings, such as ('redis',)")
    if not all(isinstance(word, str) and word for word in words):
        raise _InvalidError("must be a tuple of strings, such as ('redis',)")
    return tuple(str(word) for word in words)


def _module(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_DOTTED, value):
        raise _InvalidError("must be the full name of a module, such as 'package.module'")
    return value


def _target(value: object) -> str:
    if not isinstance(value, str):
        raise _InvalidError(
            "must be a string such as 'package.module:Name', so that listing imports nothing"
        )
    if not _TARGET.fullmatch(value):
        raise _InvalidError("must have the form 'package.module:Name'")
    return value


def _schemes(value: object) -> tuple[str, ...]:
    """URL schemes, without `://`."""
    return tuple(map(_scheme, _items(value, "must be a tuple of strings, such as ('redis',)")))


def _scheme(value: object) -> str:
    if not isinstance(value, str) or not _SCHEME.fullmatch(value):
        raise _InvalidError(
            "must be lower-case letters, digits, '+', '-' or '.', such as 'redis' (without '://')"
        )
    return value


def _capabilities(value: object) -> frozenset[Capability]:
    """Members of `Capability`, or their values."""
    try:
        return frozenset(Capability(item) for item in _items(value, "must be a set of Capability"))
    except ValueError:
        known = ", ".join(Capability)
        raise _InvalidError(f"must be a set of Capability; there are: {known}") from None


def _items(value: object, problem: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _InvalidError(problem)
    return tuple(value)


_CHECKS: Final[Mapping[str, Callable[[object], object]]] = {
    "capabilities": _capabilities,
    "command": _text,
    "description": _text,
    "distribution": _text,
    "factory": _target,
    "help": _text,
    "module": _module,
    "name": _name,
    "schemes": _schemes,
    "target": _target,
    "title": _text,
    "words": _words,
}
"""What makes the value of a field, or refuses it: a field means the same in each descriptor."""


def _error(spec: object, field: str, value: object, problem: str) -> PluginSpecError:
    names = (getattr(spec, field, None) for field in ("name", "distribution", "module"))
    name = next(filter(None, names), None)
    return PluginSpecError(
        spec=f"{type(spec).__name__}({name!r})",
        field=field,
        value=repr(value),
        problem=problem,
    )

"""The base of every taskiq error: a message template filled from typed fields."""

import re
from inspect import get_annotations
from string import Formatter
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

_E = TypeVar("_E", bound="Error")


class _Missing:
    """In the text of an error that came without this field."""

    def __repr__(self) -> str:
        return "?"

    def __format__(self, spec: str) -> str:
        return "?"


_MISSING: Final = _Missing()


class Error(Exception):
    """An exception whose annotations are its fields and whose `__template__` is its message.

    Subclasses annotate the facts they carry, so that programs can use them without parsing text::

        class QueueFullError(SendTaskError):
            __template__ = "The queue of {broker} is full ({size} messages)."
            broker: str
            size: int

    All annotations are fields: inherited ones first, in the order of their declaration, names with
    an underscore and class variables among them. The text is made anew whenever it is asked for,
    and is the only member of `args`.

    Args:
        kwargs: one value for each annotated field; fields with a class-level value are optional.

    Raises:
        TypeError: a field is missing, or a keyword is not a field.
        ValueError: the template names something that is not annotated.
    """

    __template__: ClassVar[str] = "Exception occurred"
    # In the order of declaration; the value says whether the field must be given.
    __fields: ClassVar[dict[str, bool]] = {}
    __unannotated: ClassVar[list[str]] = []

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = [name for name in get_annotations(cls) if not name.startswith("__")]
        # A field that is annotated again without a value is required again.
        cls.__fields = {**cls.__fields, **{name: name not in vars(cls) for name in own}}
        cls.__unannotated = [name for name in _named(cls.__template__) if name not in cls.__fields]

    def __init__(self, **kwargs: object) -> None:
        undeclared = [name for name in kwargs if name not in self.__fields]
        if undeclared:
            raise TypeError(f"Undeclared arguments: {_quoted(undeclared)}")
        missing = [
            name
            for name, is_required in self.__fields.items()
            if is_required and name not in kwargs
        ]
        if missing:
            raise TypeError(f"Missing arguments: {_quoted(missing)}")
        if self.__unannotated:
            raise ValueError(f"Fields must be annotated: {_quoted(self.__unannotated)}")
        self.__dict__.update(kwargs)
        super().__init__()

    if not TYPE_CHECKING:  # to type checkers a property is not the tuple of BaseException

        @property
        def args(self) -> tuple[Any, ...]:
            """The text alone, as code that logs `error.args[0]` expects; it follows the fields."""
            return (str(self),)

        @args.setter
        def args(self, value: tuple[Any, ...]) -> None:
            """Ignore what Python's own protocols restore: the fields say everything."""

    def __str__(self) -> str:
        values = {name: getattr(self, name, _MISSING) for name in self.__fields}
        try:
            return self.__template__.format(**values)
        except (LookupError, TypeError, ValueError, AttributeError):
            # Made from a record, without the constructor: a number may be a text.
            return repr(self)

    def __repr__(self) -> str:
        values = ((name, getattr(self, name, _MISSING)) for name in self.__fields)
        fields = ", ".join(f"{name}={value!r}" for name, value in values)
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own form would call the class with positional arguments.
        return _rebuild, (type(self), dict(self.__dict__))


def _named(template: str) -> list[str]:
    """Return the fields that a template names, each once."""
    names = (name for _, name, _, _ in Formatter().parse(template) if name)
    return list(dict.fromkeys(re.split(r"[.\[]", name, maxsplit=1)[0] for name in names))


def _quoted(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _rebuild(cls: type[_E], state: dict[str, Any]) -> _E:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    return error

"""The base of every taskiq error: a message template filled from typed fields."""

from inspect import get_annotations
from typing import Any, ClassVar, Final, TypeVar

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

    Args:
        kwargs: one value for each annotated field; fields with a class-level value are optional.

    Raises:
        TypeError: a field is missing, or a keyword is not a field.
    """

    __template__: ClassVar[str] = "Exception occurred"
    __fields: ClassVar[frozenset[str]] = frozenset()
    __required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name for name in get_annotations(cls) if not name.startswith("_")}
        cls.__fields = cls.__fields | own
        # A field that is annotated again without a value is required again.
        cls.__required = cls.__required - own | {name for name in own if name not in vars(cls)}

    def __init__(self, **kwargs: object) -> None:
        unknown = kwargs.keys() - self.__fields
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        missing = self.__required - kwargs.keys()
        if missing:
            raise TypeError(f"{type(self).__name__} needs {', '.join(sorted(missing))}")
        self.__dict__.update(kwargs)
        super().__init__()

    def __str__(self) -> str:
        values = {name: getattr(self, name, _MISSING) for name in self.__fields}
        try:
            return self.__template__.format(**values)
        except (LookupError, TypeError, ValueError, AttributeError):
            # Made from a record, without the constructor: a number may be a text.
            return repr(self)

    def __repr__(self) -> str:
        values = ((name, getattr(self, name, _MISSING)) for name in sorted(self.__fields))
        fields = ", ".join(f"{name}={value!r}" for name, value in values)
        return f"{type(self).__qualname__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own form would call the class with positional arguments.
        return _rebuild, (type(self), dict(self.__dict__))


def _rebuild(cls: type[_E], state: dict[str, Any]) -> _E:
    error = cls.__new__(cls)
    error.__dict__.update(state)
    return error

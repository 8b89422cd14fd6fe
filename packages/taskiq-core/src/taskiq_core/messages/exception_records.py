"""Exceptions as structured records, and back.

An exception travels as data: where its class lives, its arguments, its cause and context, notes and
traceback text. Coming back it becomes an instance of the same class if this process has that class
loaded, else a stand-in of the same name. Modules are never imported for a record, and nothing but
an exception class is ever called: records come from the network.
"""

import builtins
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from taskiq_core.error_template import Error
from taskiq_core.exceptions import SecurityError, TaskiqError
from taskiq_core.messages.exception_bounds import (
    MAX_DEPTH,
    MAX_EXCEPTIONS,
    ExceptionNode,
    RemoteTraceback,
    TextBudget,
    bounded,
    left_out_text,
    safe_str,
    survey,
)

MAX_TRACEBACK: Final = 64_000
"""How many characters of a traceback's end are kept."""
_MAX_BITS: Final = 14_000
"""Of an integer: one with more than 4,300 digits can't be read as text."""
_AROUND: Final = 64
"""How deep a record is inside what is sent, at most."""


class ExceptionRepr(BaseModel):
    """An exception as data.

    Attributes:
        exc_message: the arguments of the exception.
        exc_state: its own attributes that JSON can carry.
        exc_traceback: the traceback as text, as Python prints it.
        exc_group: the exceptions of a group, whose only argument is its message then.
    """

    exc_type: str
    exc_message: tuple[Any, ...]
    exc_module: str | None
    exc_cause: "ExceptionRepr | None" = None
    exc_context: "ExceptionRepr | None" = None
    exc_suppress_context: bool = False
    exc_notes: list[str] = Field(default_factory=list)
    exc_state: dict[str, Any] = Field(default_factory=dict)
    exc_traceback: str | None = None
    exc_group: "list[ExceptionRepr]" = Field(default_factory=list)


class UnknownRemoteError(TaskiqError):
    """Stands in for an exception that can't be raised here.

    This process does not have its class, or a caller should not get it: `SystemExit`,
    `KeyboardInterrupt` and `CancelledError` of a task would end the program that waits for it.

    Attributes:
        remote_type: the dotted path of the class that it was.
        remote_args: the arguments that it had.
    """

    __template__ = "{remote_type}: {remote_args}"
    remote_type: str
    remote_args: tuple[Any, ...]


def exception_to_record(error: BaseException) -> ExceptionRepr:
    """Describe an exception as data that JSON can carry.

    A value that JSON can't carry becomes its repr. The size is bounded: the record says what is
    left out of many exceptions and long texts.
    """
    record = _record(survey(error), TextBudget())
    record.exc_traceback = _traceback_text(error)
    return record


def exception_from_record(record: ExceptionRepr) -> Exception:
    """Rebuild the exception that a record describes, or a stand-in.

    What would end the program that raises it, such as `SystemExit`, is a stand-in, too.

    Raises:
        SecurityError: the record names something that exists and is not an exception class.
    """
    return _Rebuilding().exception(record, depth=0)


def as_data(error: BaseException) -> Exception:
    """The exception itself, or a stand-in for one that would end the program that raises it."""
    if isinstance(error, Exception):
        return error
    record = _record(survey(error), TextBudget())
    return exception_from_record(record).with_traceback(error.__traceback__)


def _record(node: ExceptionNode, budget: TextBudget) -> ExceptionRepr:
    error, cls = node.error, type(node.error)
    is_stand_in = isinstance(error, UnknownRemoteError)
    # In the order of what matters most: the texts of a budget are used up by the first.
    record = ExceptionRepr(
        exc_type=_text(cls.__qualname__),
        exc_module=_text(cls.__module__),
        exc_message=tuple(_plain_items(_arguments(error), budget)),
        exc_suppress_context=error.__suppress_context__,
        exc_notes=_notes(error, budget),
        exc_state={} if is_stand_in else _state(error, budget),
    )
    if node.left_out:
        record.exc_notes.append(left_out_text(node.left_out))
    if node.cause is not None:
        record.exc_cause = _record(node.cause, budget)
    if node.context is not None:
        record.exc_context = _record(node.context, budget)
    record.exc_group = [_record(member, budget) for member in node.members]
    return record


def _arguments(error: BaseException) -> tuple[Any, ...]:
    if isinstance(error, UnknownRemoteError):
        return tuple(getattr(error, "remote_args", ()))
    if isinstance(error, OSError) and error.filename is not None:
        # Arguments, and yet not among its `args`.
        return (error.errno, error.strerror, error.filename)
    if isinstance(error, Error):
        return ()  # its fields are its state
    return (error.message,) if isinstance(error, BaseExceptionGroup) else error.args


def _traceback_text(error: BaseException) -> str | None:
    if error.__traceback__ is None:
        return error.__cause__.text if isinstance(error.__cause__, RemoteTraceback) else None
    return _text("".join(traceback.format_exception(bounded(error)))[-MAX_TRACEBACK:])


def _notes(error: BaseException, budget: TextBudget) -> list[str]:
    notes = getattr(error, "__notes__", ())
    return [_text(str(note)) for note in _plain_items(map(str, notes), budget)]


def _state(error: BaseException, budget: TextBudget) -> dict[str, Any]:
    public = [
        (name, value)
        for name, value in getattr(error, "__dict__", {}).items()
        if not name.startswith("_")
    ]
    values = _plain_items((value for _, value in public), budget)
    return dict(zip((name for name, _ in public), values, strict=False))


def _plain_items(values: Iterable[Any], budget: TextBudget) -> Iterator[Any]:
    for value in values:
        if budget.is_used_up:
            yield "... more left out"
            return
        yield _plain(value, budget)


def _plain(value: Any, budget: TextBudget) -> Any:
    if isinstance(value, str):
        return _text(budget.cut(value))
    if isinstance(value, float | None):
        budget.left -= 1
        return value
    if isinstance(value, int):
        return _plain_integer(value, budget)
    try:
        plain = to_jsonable_python(value, bytes_mode="base64")
        encoded = to_json(plain)  # fails for a lone surrogate deep inside
        from_json(b"[" * _AROUND + encoded + b"]" * _AROUND)  # fails for what is nested too deep
    except (PydanticSerializationError, ValueError, TypeError, RecursionError):
        return _text(budget.cut(_described(value)))
    if len(encoded) > budget.left:
        return budget.cut(encoded.decode())
    budget.left -= len(encoded)
    return plain


def _plain_integer(value: int, budget: TextBudget) -> int | str:
    if value.bit_length() > _MAX_BITS:
        return f"<an integer of {value.bit_length()} bits>"
    budget.left -= value.bit_length() // 3 + 1  # about so many digits
    return value


def _described(value: Any) -> str:
    if isinstance(value, BaseExceptionGroup):  # its repr is that of all its members
        return f"{type(value).__name__}({safe_str(value)!r})"
    return safe_repr(value)


def _text(value: str) -> str:
    # Names of files that are not UTF-8 come with lone surrogates, which JSON can't carry.
    return value.encode(errors="backslashreplace").decode()


def safe_repr(obj: Any) -> str:
    """What repr says of an object, or a text of its own if that fails."""
    try:
        return repr(obj)
    except Exception:  # noqa: BLE001  # a task's own class may have any bug
        return f"<{type(obj).__name__} whose repr fails>"


class _Rebuilding:
    """Makes the exceptions of one record; so many, as it comes from the network."""

    def __init__(self) -> None:
        self._left = MAX_EXCEPTIONS

    def exception(self, record: ExceptionRepr, *, depth: int) -> Exception:
        """The exception of a record, with all that hangs on it."""
        self._left -= 1
        record = _showable(record)
        related = [record.exc_cause, record.exc_context, *record.exc_group]
        kept = [None if each is None else self._related(each, depth) for each in related]
        cause, context, *members = kept
        error = _instance(record, [member for member in members if member is not None])
        if cause is not None:
            error.__cause__ = cause
        elif record.exc_traceback:
            error.__cause__ = RemoteTraceback(record.exc_traceback)
        if context is not None:
            error.__context__ = context
        error.__suppress_context__ = record.exc_suppress_context
        for note in record.exc_notes:
            error.add_note(note)
        left_out = kept.count(None) - related.count(None)
        if left_out:
            error.add_note(left_out_text(left_out))
        return error

    def _related(self, record: ExceptionRepr, depth: int) -> Exception | None:
        if self._left <= 0 or depth >= MAX_DEPTH:
            return None
        return self.exception(record, depth=depth + 1)


def _showable(record: ExceptionRepr) -> ExceptionRepr:
    """The record without values that have no repr: any text of the exception would fail by them.

    Some serializers read integers of more digits than Python shows.
    """
    try:
        repr((record.exc_message, record.exc_state))
    except (ValueError, RecursionError):
        state = {name: _showable_value(value) for name, value in record.exc_state.items()}
        message = tuple(map(_showable_value, record.exc_message))
        return record.model_copy(update={"exc_message": message, "exc_state": state})
    return record


def _showable_value(value: Any) -> Any:
    try:
        repr(value)
    except (ValueError, RecursionError):
        return safe_repr(value)
    return value


def _instance(record: ExceptionRepr, members: list[Exception]) -> Exception:
    cls = _find_class(record.exc_module, record.exc_type)
    if members:
        return _group(cls, record, members)
    if cls is None or not issubclass(cls, Exception):
        return _stand_in(record)
    try:
        error = cls.__new__(cls, *record.exc_message)
        if isinstance(error, TaskiqError):
            error.args = record.exc_message
        else:
            error.__init__(*record.exc_message)  # type: ignore[misc]  # the class is known by name only
    except Exception:  # noqa: BLE001  # a constructor of the user's with another signature
        error = _bare_instance(cls, record)
    _restore_state(error, record.exc_state)
    try:
        str(error)
    except Exception:  # noqa: BLE001  # it lacks what the constructor would have set
        return _stand_in(record)
    return error


def _group(
    cls: type[BaseException] | None, record: ExceptionRepr, members: list[Exception]
) -> Exception:
    """A group of the same class, or else one of Python's own: what matters is in its members."""
    message = str(record.exc_message[0]) if record.exc_message else ""
    if cls is None or not issubclass(cls, ExceptionGroup):
        return ExceptionGroup(message, members)
    try:
        group: Exception = cls(message, members)
    except Exception:  # noqa: BLE001  # a constructor of the user's with another signature
        group = ExceptionGroup(message, members)
    _restore_state(group, record.exc_state)
    return group


def _bare_instance(cls: type[Exception], record: ExceptionRepr) -> Exception:
    try:
        error = cls.__new__(cls)
    except TypeError:
        return _stand_in(record)
    error.args = record.exc_message
    return error


def _restore_state(error: BaseException, state: Mapping[str, Any]) -> None:
    own = getattr(error, "__dict__", None)
    if own is not None:
        own.update((name, value) for name, value in state.items() if not name.startswith("_"))


def _find_class(module_name: str | None, qualified_name: str) -> type[BaseException] | None:
    found: Any = builtins if module_name is None else _find_module(module_name)
    for part in qualified_name.split("."):
        # No getattr: for the lazy names of a package it would import, for a property run code.
        found = getattr(found, "__dict__", {}).get(part)
    if found is None:
        return None
    if not (isinstance(found, type) and issubclass(found, BaseException)):
        path = f"{module_name}.{qualified_name}"
        raise SecurityError(
            description=f"a result's error names {path}, which is not an exception class"
        )
    return found


def _find_module(name: str) -> ModuleType | None:
    """A module that is loaded; also the program itself, which workers know by its file's name."""
    found = sys.modules.get(name)
    main = sys.modules.get("__main__")
    if found is not None or main is None:
        return found
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:  # python -m
        return main if spec.name == name else None
    return main if file and Path(file).stem == name.rpartition(".")[2] else None


def _stand_in(record: ExceptionRepr) -> Exception:
    qualified_name = _class_name(record.exc_type)
    cls = type(
        qualified_name.rpartition(".")[2],
        (UnknownRemoteError,),
        {"__module__": record.exc_module or "builtins", "__qualname__": qualified_name},
    )
    path = f"{record.exc_module}.{record.exc_type}"
    error: Exception = cls(remote_type=path, remote_args=record.exc_message)
    return error


def _class_name(name: str) -> str:
    """The name as a class may have it."""
    return _text(name).replace("\0", "?")

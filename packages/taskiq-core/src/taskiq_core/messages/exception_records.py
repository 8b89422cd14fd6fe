"""Exceptions as structured records, and back.

An exception travels as data: where its class lives, its arguments, its cause and context, notes and
traceback text. Coming back it becomes an instance of the same class if this process has that class
loaded, else a stand-in of the same name. Modules are never imported for a record, and nothing but
an exception class is ever called: records come from the network.
"""

import builtins
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import BaseModel, Field
from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

from taskiq_core.error_template import Error
from taskiq_core.exceptions import SecurityError, TaskiqError

MAX_DEPTH: Final = 16
"""How many causes and contexts of an exception are kept."""
MAX_TRACEBACK: Final = 64_000
"""How many characters of a traceback's end are kept."""
MAX_MEMBERS: Final = 100
"""How many exceptions of a group are kept."""


class ExceptionRepr(BaseModel):
    """An exception as data.

    Attributes:
        exc_message: the arguments of the exception.
        exc_state: its own attributes, those that JSON can carry.
        exc_traceback: the traceback as text, as Python prints it.
        exc_group: those that it is a group of; its message is the only argument then.
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
    """Stands in for an exception whose class this process does not have.

    Attributes:
        remote_type: the dotted path of the class that it was.
        remote_args: the arguments that it had.
    """

    __template__ = "{remote_type}: {remote_args}"
    remote_type: str
    remote_args: tuple[Any, ...]


class RemoteTraceback(Exception):  # noqa: N818  # shown as a cause, never raised
    """The traceback text of another process, shown as the cause of what came from it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


def exception_to_record(error: BaseException) -> ExceptionRepr:
    """Describe an exception as data that JSON can carry; what it can't carry becomes its repr."""
    return _record(error, depth=0, with_traceback=True)


def exception_from_record(record: ExceptionRepr) -> BaseException:
    """Rebuild the exception that a record describes.

    Raises:
        SecurityError: the record names something that exists and is no exception class.
    """
    error = _instance(record)
    if record.exc_cause is not None:
        error.__cause__ = exception_from_record(record.exc_cause)
    elif record.exc_traceback:
        error.__cause__ = RemoteTraceback(record.exc_traceback)
    if record.exc_context is not None:
        error.__context__ = exception_from_record(record.exc_context)
    error.__suppress_context__ = record.exc_suppress_context
    for note in record.exc_notes:
        error.add_note(note)
    return error


def _record(error: BaseException, *, depth: int, with_traceback: bool) -> ExceptionRepr:
    cls = type(error)
    deeper = depth < MAX_DEPTH
    cause = error.__cause__ if not isinstance(error.__cause__, RemoteTraceback) else None
    # A shown cause hides the context, and an exception may be its own context's cause.
    context = None if cause is not None or error.__suppress_context__ else error.__context__
    return ExceptionRepr(
        exc_type=cls.__qualname__,
        exc_module=cls.__module__,
        exc_message=tuple(_plain(argument) for argument in _arguments(error)),
        exc_cause=_record(cause, depth=depth + 1, with_traceback=False)
        if cause is not None and deeper
        else None,
        exc_context=_record(context, depth=depth + 1, with_traceback=False)
        if context is not None and deeper
        else None,
        exc_suppress_context=error.__suppress_context__,
        exc_notes=[_text(str(note)) for note in getattr(error, "__notes__", ())],
        exc_state=_state(error),
        exc_traceback=_traceback_text(error) if with_traceback else None,
        exc_group=[
            _record(each, depth=depth + 1, with_traceback=False)
            for each in _members(error)[:MAX_MEMBERS]
            if deeper
        ],
    )


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _arguments(error: BaseException) -> tuple[Any, ...]:
    if isinstance(error, OSError) and error.filename is not None:
        # Arguments, and yet not among its `args`.
        return (error.errno, error.strerror, error.filename)
    if isinstance(error, Error):
        return ()  # its fields are its state
    return (error.message,) if isinstance(error, BaseExceptionGroup) else error.args


def _traceback_text(error: BaseException) -> str | None:
    if error.__traceback__ is None:
        return error.__cause__.text if isinstance(error.__cause__, RemoteTraceback) else None
    return _text("".join(traceback.format_exception(error))[-MAX_TRACEBACK:])


def _state(error: BaseException) -> dict[str, Any]:
    return {
        name: _plain(value)
        for name, value in getattr(error, "__dict__", {}).items()
        if not name.startswith("_")
    }


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float | None):
        return value
    try:
        plain = to_jsonable_python(value, bytes_mode="base64")
        to_json(plain)  # fails for a lone surrogate deep inside
    except (PydanticSerializationError, ValueError, TypeError, RecursionError):
        return safe_repr(value)
    return plain


def _text(value: str) -> str:
    # Names of files that are no UTF-8 come with lone surrogates, which JSON can't carry.
    return value.encode(errors="backslashreplace").decode()


def safe_repr(obj: Any) -> str:
    """What repr says of an object, or a text of its own if that fails."""
    try:
        return repr(obj)
    except Exception:  # noqa: BLE001  # a task's own class may have any bug
        return f"<{type(obj).__name__} whose repr fails>"


def _instance(record: ExceptionRepr) -> BaseException:
    cls = _find_class(record.exc_module, record.exc_type)
    if record.exc_group:
        return _group(cls, record)
    if cls is None:
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
    return error


def _group(cls: type[BaseException] | None, record: ExceptionRepr) -> BaseException:
    """A group of the same class, or else one of Python's own: what matters is in its members."""
    message = str(record.exc_message[0]) if record.exc_message else ""
    members = [exception_from_record(each) for each in record.exc_group]
    if cls is None or not issubclass(cls, BaseExceptionGroup):
        return BaseExceptionGroup(message, members)
    try:
        group = cls(message, members)
    except Exception:  # noqa: BLE001  # a constructor of the user's with another signature
        group = BaseExceptionGroup(message, members)
    _restore_state(group, record.exc_state)
    return group


def _bare_instance(cls: type[BaseException], record: ExceptionRepr) -> BaseException:
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
            description=f"a result's error names {path}, which is no exception class"
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


def _stand_in(record: ExceptionRepr) -> BaseException:
    cls = type(
        record.exc_type.rpartition(".")[2],
        (UnknownRemoteError,),
        {"__module__": record.exc_module or "builtins"},
    )
    path = f"{record.exc_module}.{record.exc_type}"
    error: BaseException = cls(remote_type=path, remote_args=record.exc_message)
    return error

"""Exceptions of an application in words: type and message, and where they were raised."""

import importlib
import sys
import traceback
from pathlib import Path

_OURS = str(Path(__file__).parent)
_IMPORTLIB = str(Path(importlib.__file__).parent)


def describe_error(error: BaseException) -> str:
    """Type and message, as Python prints them, in one line."""
    text = str(error.msg if isinstance(error, SyntaxError) else error)
    name = type(error).__name__
    return f"{name}: {' '.join(text.split())}" if text else name


def describe_place(error: BaseException) -> str:
    """File and line where an exception was raised; the application's own if it took part."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<frozen importlib", _OURS, _IMPORTLIB))
    ]
    own = [frame for frame in frames if not _is_library(frame.filename)]
    for frame in reversed(own or frames):
        return f"{frame.filename}, line {frame.lineno}"
    return "at a place that is not known"


def whole_traceback(error: BaseException) -> str:
    """The traceback as Python prints it."""
    return "".join(traceback.format_exception(error)).rstrip()


def _is_library(filename: str) -> bool:
    return "site-packages" in filename or filename.startswith((sys.base_prefix + "/lib", "<"))

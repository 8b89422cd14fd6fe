"""Where a database is: checked paths, and options from a URL."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from taskiq_sqlite.errors import DatabaseFileError
from taskiq_sqlite.mounts import network_file_system


def database_path(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a database, so that a later change of folder changes nothing.

    Raises:
        DatabaseFileError: it is no path of a file.
    """
    text = os.fspath(path)
    if not text or text == ":memory:":
        reason = "other processes could not reach it. Give it a path, or use InMemoryBroker."
        raise DatabaseFileError(address=text or "''", reason=reason)
    if "://" in text:
        reason = "this is a URL; from_url(...) or broker_from_url(...) takes it"
        raise DatabaseFileError(address=text, reason=reason)
    return Path(text).expanduser().absolute()


def check_place(path: Path, *, allow_network: bool) -> None:
    """Refuse a path where no database can work, before SQLite says less about it.

    Raises:
        DatabaseFileError: its folder does not exist, it is a folder itself, or it is on a network
            file system.
    """
    if not path.parent.is_dir():
        reason = f"the folder {path.parent} does not exist. Create it first."
        raise DatabaseFileError(address=str(path), reason=reason)
    if path.is_dir():
        raise DatabaseFileError(address=str(path), reason="it is a folder. Name a file in it.")
    fs_type = None if allow_network else network_file_system(path.parent)
    if fs_type is not None:
        reason = (
            f"it is on a network file system ({fs_type}), where several machines would damage it. "
            "Put it on a local disk, or pass allow_network_file_system=True if only one machine "
            "ever opens it and the file system keeps locks."
        )
        raise DatabaseFileError(address=str(path), reason=reason)


def read_url(url: str, options: Mapping[str, Callable[[str], Any]]) -> tuple[str, dict[str, Any]]:
    """The path and the options of `sqlite:///relative/path.db?option=value`.

    A path that begins with a slash of its own is absolute: `sqlite:////var/lib/app/tasks.db`.

    Args:
        url: what to read.
        options: names that may be given, with what reads their values.

    Raises:
        DatabaseFileError: the URL can't be understood.
    """
    address, _, query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    if scheme != "sqlite" or not separator or not rest.startswith("/") or rest == "/":
        reason = "a URL looks like sqlite:///tasks.db, or sqlite:////var/lib/app/tasks.db"
        raise DatabaseFileError(address=url, reason=reason)
    return unquote(rest[1:]), _read_options(url, query, options)


def _read_options(
    url: str, query: str, options: Mapping[str, Callable[[str], Any]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in options:
            known = ", ".join(options)
            reason = f"unknown option {name!r}; known are {known}"
            raise DatabaseFileError(address=url, reason=reason)
        try:
            found[name] = options[name](value)
        except ValueError as error:
            reason = f"its option {name} is {value!r}"
            raise DatabaseFileError(address=url, reason=reason) from error
    return found


def read_switch(text: str) -> bool:
    """A yes or no of a URL; raises ValueError for anything else."""
    if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError(text)
    return text.lower() in ("true", "1", "yes")

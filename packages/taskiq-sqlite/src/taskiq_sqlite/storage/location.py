"""Paths of databases: checked before SQLite opens them."""

import os
from pathlib import Path

from taskiq_sqlite.errors import DatabaseFileError
from taskiq_sqlite.storage.mounts import network_file_system


def database_path(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a database, so that a later change of folder changes nothing.

    Raises:
        DatabaseFileError: `path` does not name a file.
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
    """Refuse a path where a database can't work, before SQLite says less about it.

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

"""Objects by their path, `module:object`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from taskiq_core.loading.error_text import describe_error, describe_place
from taskiq_core.loading.errors import (
    AttributeMissingError,
    ModuleMissingError,
    ModuleRaisedError,
)
from taskiq_core.loading.object_paths import split_path


@contextmanager
def add_cwd_in_path() -> Iterator[None]:
    """Put the current folder on the import path inside the `with` block."""
    folder = str(Path.cwd())
    if folder in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def extend_import_path(app_dir: str | None) -> None:
    """Put the current folder, and before it the application's, on the import path for good."""
    for folder in (Path.cwd(), Path(app_dir).absolute() if app_dir else None):
        if folder is not None and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def import_object(object_spec: str, app_dir: str | None = None) -> Any:
    """Import what a path leads to, with the current folder on the import path.

    Args:
        object_spec: as in "app.tkq:broker"; attributes of attributes are separated by dots.
        app_dir: a folder that is put, and stays, at the front of the import path.

    Raises:
        ObjectPathError: the path is not of the form module:object.
        ModuleMissingError: there is no such module.
        ModuleRaisedError: the module raised.
        AttributeMissingError: the module has no such name.
    """
    module_name, attributes = split_path(object_spec)
    if app_dir:
        sys.path.insert(0, str(Path(app_dir).absolute()))
    found: Any = load_module(module_name)
    module = found
    for name in attributes.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise AttributeMissingError(
                module=module_name,
                file=str(getattr(module, "__file__", None) or "no file"),
                attribute=attributes,
                hint=_suggestion(name, dir(found)),
            ) from error
    return found


def load_module(name: str) -> ModuleType:
    """Import a module, with the current folder on the import path.

    Raises:
        ModuleMissingError: there is no such module.
        ModuleRaisedError: the module raised, or one that it imports is missing.
    """
    try:
        with add_cwd_in_path():
            return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise _missing(name, error.name) from error
        cure = f"Is it installed for {sys.executable}, or is its name misspelt?"
        raise _raised(name, error, cure) from error
    except (Exception, SystemExit) as error:  # whatever the application's code may raise
        raise _raised(name, error, "Correct it and start again; --traceback shows more.") from error


def _missing(name: str, missing: str) -> ModuleMissingError:
    parent = missing.rpartition(".")[0]
    return ModuleMissingError(
        module=name,
        missing_part=f", not even {missing!r}" if missing != name else "",
        folder=str(Path.cwd()),
        hint=_suggestion(missing, _modules_in(parent)),
    )


def _raised(name: str, error: BaseException, cure: str) -> ModuleRaisedError:
    return ModuleRaisedError(
        module=name, error=describe_error(error), place=describe_place(error), cure=cure
    )


def _modules_in(package: str) -> list[str]:
    if not package:
        names = (
            path.stem for path in Path.cwd().iterdir() if path.suffix == ".py" or path.is_dir()
        )
        return [name for name in names if name.isidentifier()]
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    files = (path for folder in folders for path in Path(folder).iterdir())
    return [f"{package}.{path.stem}" for path in files if path.stem.isidentifier()]


def _suggestion(name: str, known: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # needed for misspelt names only

    close = get_close_matches(name, [each for each in known if not each.startswith("__")], n=3)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""

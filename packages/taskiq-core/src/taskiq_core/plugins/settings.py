"""The table [tool.taskiq] of a project's pyproject.toml."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from taskiq_core.plugins.errors import PluginSettingsError

FILE_NAME: Final = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """The configuration of a project.

    Attributes:
        file: where it is written; None if no folder upward has a pyproject.toml.
        broker: the broker for commands that get none, as in `"app.tkq:broker"`.
        required_plugins: names without which nothing starts.
        disabled_plugins: names that are not loaded.
        prefer: which distribution wins a name or URL scheme that several claim.
    """

    file: Path | None = None
    broker: str | None = None
    required_plugins: tuple[str, ...] = ()
    disabled_plugins: tuple[str, ...] = ()
    prefer: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def find_project_file(folder: Path) -> Path | None:
    """The nearest pyproject.toml in a folder or above it."""
    folder = folder.absolute()
    files = (place / FILE_NAME for place in (folder, *folder.parents))
    return next((file for file in files if file.is_file()), None)


def read_settings(folder: Path | None = None) -> ProjectSettings:
    """The settings of the project that a folder belongs to; the defaults if there is none.

    Tables in [tool.taskiq] that are not listed in `ProjectSettings` belong to other packages and
    are left alone; any other key that is not listed is an error.

    Args:
        folder: where to begin; the current one if it is not given.

    Raises:
        PluginSettingsError: the file can't be read, or a value is not what it must be.
    """
    file = find_project_file(folder if folder is not None else Path.cwd())
    return parse_settings(_read(file), file) if file else ProjectSettings()


def parse_settings(document: Mapping[str, Any], file: Path) -> ProjectSettings:
    """The settings in a parsed pyproject.toml."""
    tool = document.get("tool", {})
    table = tool.get("taskiq", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise _error(file, "tool.taskiq", "must be a table")
    values: dict[str, Any] = {}
    for key, value in table.items():
        if parse := _PARSERS.get(key):
            values[key] = parse(value, file, f"tool.taskiq.{key}")
        elif not isinstance(value, dict):
            known = ", ".join(sorted(_PARSERS))
            raise _error(file, f"tool.taskiq.{key}", f"is not a setting; there are: {known}")
    return ProjectSettings(file=file, **values)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise _error(file, "tool.taskiq", f"the file is not valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _error(file, "tool.taskiq", f"the file can't be read: {error}") from error


def _target(value: object, file: Path, key: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _error(file, key, f'must be a string such as "app.tkq:broker", not {value!r}')
    return value.strip()


def _names(value: object, file: Path, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _error(file, key, f'must be a list of strings such as ["redis"], not {value!r}')
    return tuple(value)


def _preferences(value: object, file: Path, key: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        form = '{ "redis" = "taskiq-redis" }'
        raise _error(file, key, f"must map names to distributions, such as {form}, not {value!r}")
    return MappingProxyType(dict(value))


def _error(file: Path, key: str, problem: str) -> PluginSettingsError:
    return PluginSettingsError(file=str(file), key=key, problem=problem)


_PARSERS: Final[Mapping[str, Callable[[object, Path, str], object]]] = MappingProxyType(
    {
        "broker": _target,
        "required_plugins": _names,
        "disabled_plugins": _names,
        "prefer": _preferences,
    }
)

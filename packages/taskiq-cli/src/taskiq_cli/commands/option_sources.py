"""Options of a command from the environment and from pyproject.toml."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import click
from click.core import ParameterSource

from taskiq_cli.errors import SettingsError
from taskiq_core.plugins.settings import read_table

_HELP: Final = frozenset({"-h", "--help"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class ConfigurableCommand(click.Command):
    """A command whose options may be given in three places; the first that gives one counts.

    These are the command line, a variable such as `TASKIQ_WORKER_MAX_ASYNC_TASKS=50`, and a table
    such as `[tool.taskiq.worker]` with `max-async-tasks = 50` in pyproject.toml.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the command line, and add other places' options; see `click.Command`."""
        if not _HELP.isdisjoint(args):  # which must not fail because of them
            return super().make_context(info_name, args, parent, **extra)
        places = _OptionPlaces(self)
        try:
            return super().make_context(
                info_name, args, parent, default_map=places.values(), **extra
            )
        except click.BadParameter as error:
            # click quotes the option, which nobody has typed; it declares the message final.
            error.__dict__["message"] = places.with_place(error)
            raise

    def variables(self) -> dict[str, click.Option]:
        """Return the options by their environment variables."""
        prefix = f"TASKIQ_{(self.name or '').upper()}_"
        return {
            prefix + key.replace("-", "_").upper(): option for key, option in self.keys().items()
        }

    def keys(self) -> dict[str, click.Option]:
        """Return the options by their keys in pyproject.toml."""
        options = [each for each in self.params if isinstance(each, click.Option)]
        return {_key_of(option): option for option in options}


class _OptionPlaces:
    """The values of options from the environment and the file, each with its place."""

    def __init__(self, command: ConfigurableCommand) -> None:
        self._command = command
        self._places: dict[str, str] = {}

    def values(self) -> Mapping[str, Any]:
        """Return values by the names of parameters.

        Raises:
            SettingsError: a key is not an option, or a value is not of its kind.
        """
        values: dict[str, Any] = {}
        for option, value, place in (*self._of_file(), *self._of_environment()):
            name = option.name or ""
            values[name] = _value_of(option, value, place)
            self._places[name] = place
        return values

    def with_place(self, error: click.BadParameter) -> str:
        """Return the text of an error, and where the value was given."""
        name = (error.param and error.param.name) or ""
        if error.ctx is None or name not in self._places:
            return error.message
        if error.ctx.get_parameter_source(name) is not ParameterSource.DEFAULT_MAP:
            return error.message
        return f"{error.message.rstrip('.')}, given by {self._places[name]}."

    def _of_environment(self) -> list[tuple[click.Option, Any, str]]:
        return [
            (option, os.environ[variable], variable)
            for variable, option in self._command.variables().items()
            if os.environ.get(variable, "").strip()
        ]

    def _of_file(self) -> list[tuple[click.Option, Any, str]]:
        name = self._command.name or ""
        table, file = read_table(name)
        options, found = self._command.keys(), []
        for key, value in table.items():
            option = options.get(key.replace("_", "-"))
            if option is None:
                raise SettingsError(
                    reason=f"{file}: {key!r} in [tool.taskiq.{name}] is not an option of "
                    f"`taskiq {name}`.{_hint(key, options)}"
                )
            found.append((option, value, f"{key} in [tool.taskiq.{name}] of {file}"))
        return found


def _key_of(option: click.Option) -> str:
    longest = max(option.opts, key=len)
    return longest.removeprefix("--").replace("_", "-")


def _hint(key: str, options: Mapping[str, click.Option]) -> str:
    close = get_close_matches(key.replace("_", "-"), options, n=1)
    return f" Did you mean {close[0]!r}?" if close else " `--help` lists them."


def _value_of(option: click.Option, value: Any, place: str) -> Any:
    if option.is_flag:
        wanted = _truth_of(value, place)
        return wanted if option.flag_value is not False else not wanted
    if option.multiple:
        values = value.split() if isinstance(value, str) else value
        if isinstance(values, list):
            return [str(each) for each in values]
        raise SettingsError(reason=f"{place} must be a list of texts, not {value!r}")
    if isinstance(value, list | dict | bool):
        raise SettingsError(reason=f"{place} must be one value, not {value!r}")
    return str(value)


def _truth_of(value: Any, place: str) -> bool:
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise SettingsError(reason=f"{place} must be true or false, not {value!r}")

"""Errors survive travel, and the documents list what the code has."""

import copy
import inspect
import pickle
from importlib import import_module
from pathlib import Path

import click
import pytest

from taskiq_cli import errors
from taskiq_cli.errors import CommandError
from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.plugin import COMMANDS
from taskiq_core.plugins import CommandSpec

README = (Path(__file__).parent.parent / "README.md").read_text()
ALL = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, CommandError)
]
FIELDS = [
    "reason",
    "option",
    "package",
    "cure",
    "command",
    "plugin",
    "spec",
    "module",
    "file",
    "attribute",
    "hint",
    "missing_part",
    "folder",
    "error",
    "place",
    "description",
    "broker",
    "part",
    "address",
    "queue",
    "known",
]


def make(kind: type[CommandError]) -> CommandError:
    wanted: dict[str, str] = {}
    for ancestor in kind.__mro__:
        wanted |= {
            name: f"<{name}>" for name in inspect.get_annotations(ancestor) if name in FIELDS
        }
    return kind(**wanted)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "travel", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_errors_survive_travel(kind: type[CommandError], travel: object) -> None:
    error = make(kind)

    arrived = travel(error)  # type: ignore[operator]

    assert type(arrived) is kind
    assert str(arrived) == str(error)
    assert "<" in str(error)


@pytest.mark.parametrize("kind", ALL)
def test_tree_in_the_docstring_is_complete(kind: type[CommandError]) -> None:
    assert f"── {kind.__name__}" in str(errors.__doc__)


@pytest.mark.parametrize("code", ExitCode)
def test_readme_documents_every_exit_code(code: ExitCode) -> None:
    assert f"| {code.value} | `{code.name}` |" in README


def commands() -> list[click.Command]:
    found: list[click.Command] = []
    for spec in COMMANDS:
        module, _, attribute = spec.target.partition(":")
        command = getattr(import_module(module), attribute)
        found += command.commands.values() if isinstance(command, click.Group) else [command]
    return found


def test_readme_documents_every_option() -> None:
    for command in commands():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    assert f"`{option}" in README or f" {option}" in README, (command, option)


@pytest.mark.parametrize("spec", COMMANDS, ids=lambda spec: str(spec.name))
def test_readme_documents_every_command(spec: CommandSpec) -> None:
    assert f"taskiq {spec.name} " in README


@pytest.mark.parametrize("command", commands(), ids=lambda command: str(command.name))
def test_every_command_that_ends_prints_json(command: click.Command) -> None:
    options = {option for parameter in command.params for option in parameter.opts}

    assert ("--json" in options) == (command.name != "worker")

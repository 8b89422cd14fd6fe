"""`taskiq` itself: help, versions, commands of plugins."""

import re

import pytest

from taskiq_testservers.cli_project import Project

HEAVY = (
    "pydantic",
    "asyncio",
    "rich",
    "zmq",
    "app",
    "file_broker",
    "watchfiles",
    "taskiq_core.broker",
)


def test_help_lists_commands_and_is_the_default(project: Project) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        ran = project.run(*arguments)

        assert ran.exit_code == 0
        assert re.search(r"plugins +List the installed plugins", ran.out)
        assert re.search(r"worker +Run tasks in worker processes", ran.out)
        assert re.search(r"tasks +List the tasks", ran.out)


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_versions(project: Project, option: str) -> None:
    ran = project.run(option)

    assert ran.exit_code == 0
    assert re.match(r"taskiq(-cli)? \d+\.\d+.*taskiq-core \d.*Python 3", ran.out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plugins"],
        ["plugins", "--json"],
        ["worker", "-h"],
        ["health", "-h"],
    ],
)
def test_nothing_heavy_is_imported(project: Project, arguments: list[str]) -> None:
    project.write("pyproject.toml", "[tool.taskiq]\nbroker = 'app:broker'\n")
    (project.site / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "atexit.register(lambda: print('|'.join(sys.modules), file=sys.stderr))\n"
    )

    ran = project.run(*arguments)

    assert ran.exit_code == 0
    assert not set(HEAVY) & set(ran.err.strip().splitlines()[-1].split("|"))


PLUGIN = """
from taskiq_core.plugins import CommandSpec, hookimpl
TASKIQ_PLUGIN_API = (1, 0)
@hookimpl
def taskiq_register_commands():
    return [CommandSpec("greet", target="greeting:greet", help="Say hello."),
            CommandSpec("odd", target="greeting:odd", help="Is no command."),
            CommandSpec("gone", target="greeting_gone:x", help="Can't be imported.")]
"""
GREETING = """
import click
print("target is imported")
odd = 3
@click.command()
@click.argument("name")
def greet(name):
    click.echo(f"hello {name}")
    raise SystemExit(7)
"""


def test_command_of_a_plugin(project: Project) -> None:
    project.install(
        "greeter",
        "[taskiq]\ngreeter = greeter_plugin\n",
        {"greeter_plugin": PLUGIN, "greeting": GREETING},
    )

    listed, called = project.run("--help"), project.run("greet", "you")

    assert re.search(r"greet +Say hello\.", listed.out)
    assert "target is imported" not in listed.out
    assert (called.exit_code, called.out) == (7, "target is imported\nhello you\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [("odd", "is of type int, not a click command"), ("gone", "No module named 'greeting_gone'")],
)
def test_command_of_a_plugin_that_cannot_be_used(project: Project, name: str, message: str) -> None:
    project.install(
        "greeter",
        "[taskiq]\ngreeter = greeter_plugin\n",
        {"greeter_plugin": PLUGIN, "greeting": GREETING},
    )

    ran = project.run(name)

    assert ran.exit_code == 4
    assert message in ran.err
    assert "Traceback" not in ran.err


LEGACY = """
from taskiq_core.abc.cmd import TaskiqCMD
class Old(TaskiqCMD):
    short_help = "An older command"
    def exec(self, args):
        print(list(args))
        return 9
class Quiet(TaskiqCMD):
    def exec(self, args):
        return None
class Wrong:
    pass
"""


def test_commands_of_the_older_group(project: Project) -> None:
    project.install(
        "older",
        "[taskiq_cli]\nold = older:Old\nquiet = older:Quiet\n"
        "wrong = older:Wrong\ngone = older_gone:X\n",
        {"older": LEGACY},
    )

    listed = project.run("--help")
    called = project.run("old", "--level", "3", "-h", "file")
    quiet, broken = project.run("quiet"), project.run("gone")

    assert listed.exit_code == 0
    assert re.search(r"old +An older command", listed.out)
    assert "'gone' of older is left out" in listed.err
    assert "'wrong' of older is left out" in listed.err
    assert (called.exit_code, called.out) == (9, "['--level', '3', '-h', 'file']\n")
    assert quiet.exit_code == 0
    assert broken.exit_code == 2
    assert "No module named 'older_gone'" in broken.err


def test_broken_settings_do_not_hide_the_help(project: Project) -> None:
    project.write("pyproject.toml", "[tool.taskiq]\nbroker = 1\n")

    ran = project.run("--help")

    assert ran.exit_code == 0
    assert "worker" in ran.out
    assert "must be a string" in ran.err

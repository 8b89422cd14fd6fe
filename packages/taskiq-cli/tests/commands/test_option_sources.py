"""Options of `taskiq worker` from the command line, variables and pyproject.toml, in this order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from taskiq_cli.commands.worker import worker
from taskiq_cli.errors import SettingsError
from taskiq_cli.options import WorkerOptions
from taskiq_testservers.cli_project import Project

Configure = Callable[[str], None]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Write the table of the project in whose folder the test runs."""
    monkeypatch.chdir(tmp_path)

    def write(table: str) -> None:
        (tmp_path / "pyproject.toml").write_text(f"[tool.taskiq.worker]\n{table}\n")

    write("")
    return write


def values(*line: str) -> dict[str, Any]:
    return worker.make_context("worker", ["app:broker", *line]).params


def test_command_line_comes_before_the_variable_and_that_before_the_file(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert values()["max_async_tasks"] == 100

    configure("max-async-tasks = 10")
    assert values()["max_async_tasks"] == 10

    monkeypatch.setenv("TASKIQ_WORKER_MAX_ASYNC_TASKS", "20")
    assert values()["max_async_tasks"] == 20

    assert values("--max-async-tasks", "30")["max_async_tasks"] == 30


@pytest.mark.parametrize(
    ("variable", "text", "line", "name", "value"),
    [
        ("WORKERS", "3", "workers = 3", "workers", 3),
        ("SHUTDOWN_TIMEOUT", "1.5", "shutdown-timeout = 1.5", "shutdown_timeout", 1.5),
        ("LOG_LEVEL", "debug", "log-level = 'debug'", "log_level", "DEBUG"),
        ("RELOAD", "yes", "reload = true", "reload", True),
        ("RELOAD", "0", "reload = false", "reload", False),
        (
            "NO_CONFIGURE_LOGGING",
            "true",
            "no-configure-logging = true",
            "configure_logging",
            False,
        ),
        ("NO_CONFIGURE_LOGGING", "off", "no_configure_logging = false", "configure_logging", True),
        (
            "TASKS_PATTERN",
            "a.py b.py",
            "tasks-pattern = ['a.py', 'b.py']",
            "tasks_pattern",
            ("a.py", "b.py"),
        ),
        (
            "RECEIVER_ARG",
            "a=1 b=2",
            "receiver-arg = ['a=1', 'b=2']",
            "receiver_arg",
            (("a", "1"), ("b", "2")),
        ),
        ("QUEUES", "mails,reports=3", "queues = 'mails,reports=3'", "queues", "mails,reports=3"),
        ("QUEUES", " ", "", "queues", None),
    ],
)
def test_each_kind_of_option_can_be_configured(
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    text: str,
    line: str,
    name: str,
    value: Any,
) -> None:
    configure(line)
    from_file = values()[name]
    configure("")
    monkeypatch.setenv(f"TASKIQ_WORKER_{variable}", text)
    from_variable = values()[name]

    assert from_file == from_variable == value


def test_every_option_has_a_variable() -> None:
    names = {option.name for option in worker.variables().values()}

    fields = {parameter.name for parameter in worker.params} - {"arguments"}
    assert names == fields
    assert "TASKIQ_WORKER_DO_NOT_USE_GITIGNORE" in worker.variables()
    assert set(WorkerOptions.__dataclass_fields__) - {"broker", "modules"} <= names


def test_wrong_value_names_its_place(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("workers = 0")
    with pytest.raises(
        click.BadParameter,
        match=r"0 is not in the range x>=1, given by workers in \[tool\.taskiq\.worker\] of .*toml",
    ):
        values()

    configure("")
    monkeypatch.setenv("TASKIQ_WORKER_WORKERS", "many")
    with pytest.raises(click.BadParameter, match="integer, given by TASKIQ_WORKER_WORKERS"):
        values()

    assert values("--workers", "2")["workers"] == 2
    with pytest.raises(click.BadParameter, match="'x' is not a valid integer") as raised:
        values("--workers", "x")
    assert "given by" not in raised.value.message


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("max-asink-tasks = 3", "'max-asink-tasks' .* Did you mean 'max-async-tasks'?"),
        ("zzz = 3", r"'zzz' in \[tool.taskiq.worker\] is not an option .* `--help` lists them"),
        ("reload = 'maybe'", "reload in .* must be true or false, not 'maybe'"),
        ("tasks-pattern = 3", "tasks-pattern in .* must be a list of texts, not 3"),
        ("workers = [3]", r"workers in .* must be one value, not \[3\]"),
    ],
)
def test_file_with_mistakes_is_refused(configure: Configure, line: str, text: str) -> None:
    configure(line)

    with pytest.raises(SettingsError, match=text):
        values()


def test_help_does_not_fail_of_what_it_explains(project: Project) -> None:
    project.write("pyproject.toml", "[tool.taskiq.worker]\nworkers = 'many'\n")

    ran = project.run("worker", "--help")

    assert ran.exit_code == 0, ran
    assert "TASKIQ_WORKER_MAX_ASYNC_TASKS=50" in ran.out
    assert project.run("worker", "app:broker").exit_code == 2


@pytest.mark.parametrize(
    ("command", "variable", "meant"),
    [
        ("tasks", "TASKIQ_BROKER_ULR", "TASKIQ_BROKER_URL"),
        ("worker", "TASKIQ_BROKER_ULR", "TASKIQ_BROKER_URL"),
        ("worker", "TASKIQ_WORKER_MAX_ASINK_TASKS", "TASKIQ_WORKER_MAX_ASYNC_TASKS"),
    ],
)
def test_misspelt_variables_are_warned_of(
    project: Project, command: str, variable: str, meant: str
) -> None:
    project.env[variable] = "x"
    project.env["TASKIQ_REDIS_URL"] = "x"  # the application's own

    ran = project.run(command, "nothing:broker", "--app-dir", str(project.folder))

    warning = f"Warning: {variable} is set, and not read. Did you mean {meant}?"
    assert ran.err.count(warning) == 1, ran
    assert ran.err.count("Warning") == 1

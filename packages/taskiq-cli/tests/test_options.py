"""The options of taskiq 0.13's worker, name by name."""

from pathlib import Path

import click
import pytest

from taskiq_cli.commands.worker import worker
from taskiq_cli.options import WorkerOptions

OF_0_13 = {
    "app_dir": (("--app-dir", "-d"), None),
    "receiver": (("--receiver",), "taskiq_core.receiver:Receiver"),
    "receiver_arg": (("--receiver_arg",), ()),
    "tasks_pattern": (("--tasks-pattern", "-tp"), ("**/tasks.py",)),
    "fs_discover": (("--fs-discover", "-fsd"), False),
    "workers": (("--workers", "-w"), 2),
    "log_level": (("--log-level",), "INFO"),
    "log_format": (
        ("--log-format",),
        "[%(asctime)s][%(name)s][%(levelname)-7s][%(processName)s] %(message)s",
    ),
    "configure_logging": (("--no-configure-logging",), True),
    "no_parse": (("--no-parse",), False),
    "no_propagate_errors": (("--no-propagate-errors",), False),
    "max_threadpool_threads": (("--max-threadpool-threads",), None),
    "use_process_pool": (("--use-process-pool",), False),
    "max_process_pool_processes": (("--max-process-pool-processes",), None),
    "shutdown_timeout": (("--shutdown-timeout",), 5.0),
    "reload": (("--reload", "-r"), False),
    "reload_dirs": (("--reload-dir",), ()),
    "no_gitignore": (("--do-not-use-gitignore",), False),
    "max_async_tasks": (("--max-async-tasks",), 100),
    "max_async_tasks_jitter": (("--max-async-tasks-jitter",), 0),
    "max_prefetch": (("--max-prefetch",), 0),
    "max_fails": (("--max-fails",), -1),
    "ack_type": (("--ack-type",), "when_saved"),
    "max_tasks_per_child": (("--max-tasks-per-child",), None),
    "wait_tasks_timeout": (("--wait-tasks-timeout",), None),
    "max_block": (("--max-block",), 600.0),
    "hardkill_count": (("--hardkill-count",), 3),
}


@pytest.mark.parametrize("name", OF_0_13)
def test_option_and_its_default(name: str) -> None:
    options = {parameter.name: parameter for parameter in worker.params}
    names, default = OF_0_13[name]

    values = worker.make_context("worker", ["app:broker"]).params

    assert set(options[name].opts) == set(names)
    assert values[name] == default
    assert getattr(WorkerOptions(broker="app:broker"), name) == default


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("log_level", {"CRITICAL", "DEBUG", "ERROR", "INFO", "WARNING"}),
        ("ack_type", {"when_received", "when_executed", "when_saved", "manual"}),
    ],
)
def test_choices(name: str, choices: set[str]) -> None:
    kind = next(parameter.type for parameter in worker.params if parameter.name == name)

    assert isinstance(kind, click.Choice)
    assert set(kind.choices) == choices


def test_options_travel_as_text() -> None:
    options = WorkerOptions(
        broker="app:broker",
        modules=("a", "b"),
        receiver_arg=(("x", "1"),),
        tasks_pattern=("*.py",),
        reload_dirs=("src",),
        wait_tasks_timeout=0.5,
        max_block=30.0,
    )

    assert WorkerOptions.from_json(options.to_json()) == options


def test_short_names_of_several_letters(tmp_path: Path) -> None:
    folder = str(tmp_path)
    line = ["app:broker", "-fsd", "-tp", "a*.py", "-tp", "b*.py", "-w3", "-d", folder, "more"]

    values = worker.make_context("worker", line).params

    assert values["fs_discover"] is True
    assert values["tasks_pattern"] == ("a*.py", "b*.py")
    assert (values["workers"], values["app_dir"]) == (3, folder)
    assert values["arguments"] == ("app:broker", "more")

"""What `taskiq worker` runs, and how its options reach the worker."""

import pytest

from taskiq_testservers.cli_project import Project


@pytest.mark.parametrize("form", [["worker", "app:broker"], ["app:broker"]])
def test_both_forms_of_the_command(project: Project, form: list[str]) -> None:
    """The second one is from before there were subcommands."""
    command = project.start(*form, "--workers", "1")
    project.send("note", "a")

    assert int(project.file("a")) == command.workers()[0]
    assert command.stop() == 0


def test_broker_of_the_project_settings(project: Project) -> None:
    project.write("pyproject.toml", "[tool.taskiq]\nbroker = 'app:broker'\n")
    project.write("more.py", "from app import broker\n@broker.task\ndef extra(): pass\n")

    command = project.start("worker", "more", "-w1")

    command.line(r"Listening started. Tasks: 6")
    assert command.stop() == 0


@pytest.mark.parametrize("name", ["make", "make_async", "holder.broker"])
def test_broker_from_factories_and_attributes(project: Project, name: str) -> None:
    project.write(
        "factory.py",
        "import asyncio\nfrom app import broker\n"
        "def make():\n    return broker\n"
        "async def make_async():\n    await asyncio.sleep(0)\n    return broker\n"
        "class holder: pass\nholder.broker = broker\n",
    )

    command = project.start("worker", f"factory:{name}", "-w", "1")

    command.line(r"Listening started. Tasks: 5")
    assert command.stop() == 0


def test_discovered_modules(project: Project) -> None:
    """Folders that are hidden, or virtual environments, are not the application's."""
    task = "from app import broker\n@broker.task\ndef {}(): pass\n"
    project.write("shop/tasks.py", task.format("a"))
    project.write("shop/deep/tasks.py", task.format("b"))
    project.write(".hidden/tasks.py", "1 / 0")
    project.write("env/pyvenv.cfg", "")
    project.write("env/lib/tasks.py", "1 / 0")

    command = project.start("worker", "app:broker", "-fsd", "-w", "1")

    command.line(r"Listening started. Tasks: 7")
    assert command.stop() == 0


def test_app_dir(project: Project) -> None:
    project.write("src/inner.py", "import sys\nsys.path.insert(0, '.')\nfrom app import broker\n")

    command = project.start("worker", "inner:broker", "-w", "1", "--app-dir", "src")

    command.listening()
    assert command.stop() == 0


def test_receiver_and_its_arguments(project: Project) -> None:
    project.write(
        "receivers.py",
        "from taskiq_core.receiver import Receiver\n"
        "class Loud(Receiver):\n"
        "    def __init__(self, *args, word, **kwargs):\n"
        "        super().__init__(*args, **kwargs)\n"
        "        print('made', word, self.validate_params, self.propagate_exceptions,"
        " self.ack_time.value, self.max_tasks_to_execute, self.wait_tasks_timeout,"
        " self.pool.slots.limit, flush=True)\n",
    )
    options = (
        "--receiver receivers:Loud --receiver_arg word=a=b --no-parse --no-propagate-errors "
        "--ack-type when_executed --max-tasks-per-child 7 --wait-tasks-timeout 1.5 "
        "--max-async-tasks 3 --max-prefetch 2 -w 1"
    )

    command = project.start("worker", "app:broker", *options.split())

    command.line("made a=b False False when_executed 7 1.5 5")
    assert command.stop() == 0


def test_log_level_and_format_are_for_every_line(project: Project) -> None:
    command = project.start(
        *("worker", "app:broker", "-w", "1", "--log-level", "debug"),
        *("--log-format", "<%(processName)s> %(message)s"),
    )
    project.send("note", "a")

    command.line("<worker-0> noted a")

    assert command.stop() == 0
    assert "<supervisor> All workers have left" in command.text


def test_warnings_only(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--log-level", "WARNING")
    project.send("note", "a")
    project.file("a")

    assert command.stop() == 0
    assert command.text == ""


def test_logging_can_be_left_to_the_application(project: Project) -> None:
    project.write(
        "logs.py",
        "import logging\nfrom app import broker\n"
        "logging.basicConfig(level='INFO', format='mine %(message)s')\n",
    )

    command = project.start("worker", "logs:broker", "-w", "1", "--no-configure-logging")

    command.line("mine Listening")
    assert command.stop() == 0


def test_modules_of_python_are_not_hidden_by_the_application(project: Project) -> None:
    """A file called `selectors.py` beside the application is its own business."""
    project.write("selectors.py", "1 / 0\n")

    command = project.start("worker", "app:broker", "-w", "1")

    command.listening()
    assert command.stop() == 0


def test_broker_without_tasks_is_told(project: Project) -> None:
    project.write(
        "empty.py",
        "from pathlib import Path\nfrom file_broker import FileBroker\nb = FileBroker(Path('x'))\n",
    )

    command = project.start("worker", "empty:b", "-w", "1")

    command.line("No task is declared: name the modules")
    assert command.stop() == 0


def test_limits_of_pools(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--max-threadpool-threads", "1")
    project.send("plain_hang", "a")
    project.file("a.started")
    project.send("plain_hang", "b")
    project.send("note", "c")
    project.file("c")

    assert not (project.files / "b.started").exists()
    command.signal()
    command.line("Stopping, SIGTERM")
    command.signal()
    assert command.exit_code() == 0
    assert project.queued() == 2


def test_what_a_task_raises_is_logged_once(project: Project) -> None:
    """Dependencies see it and raise it again, and are not logged for that."""
    app = project.folder / "app.py"
    project.write(
        "app.py",
        f"{app.read_text()}\nfrom taskiq_core import TaskiqDepends\n"
        "def kept():\n    yield 1\n"
        "async def broken():\n"
        "    try:\n        yield 2\n    finally:\n        raise OSError('while it was closed')\n"
        "async def fails(kept: int = TaskiqDepends(kept)):\n    raise ValueError('no database')\n"
        "@broker.task('resolves')\n"
        "async def resolves(x: int = TaskiqDepends(fails)): ...\n"
        "@broker.task('raises')\n"
        "async def raises(x: int = TaskiqDepends(kept), y: int = TaskiqDepends(broken)):\n"
        "    raise ValueError('in the task')\n",
    )
    command = project.start("worker", "app:broker", "-w", "1")
    project.send("resolves")
    project.send("raises")
    command.line(r"resolves \(.*\) failed")
    command.line(r"raises \(.*\) failed")

    assert command.stop() == 0
    assert command.text.count("ValueError: no database\n") == 1
    assert command.text.count("OSError: while it was closed\n") == 1
    assert command.text.count("(most recent call last)") == 4

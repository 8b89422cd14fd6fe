"""`taskiq worker --with-scheduler`: the worker service "scheduler" of whichever plugin has it."""

import pytest

from taskiq_testservers.cli_project import Project

PLUGIN = """
from taskiq_core.plugins import WorkerServiceSpec, hookimpl
TASKIQ_PLUGIN_API = (1, 1)
@hookimpl
def taskiq_register_worker_services():
    return [WorkerServiceSpec("scheduler", target="acme_service:{target}", description="Beside.")]
"""
SERVICE = """
import os, pathlib
from taskiq_core.abc.worker_service import WorkerService
from taskiq_core.loading.errors import ModuleMissingError
from taskiq_core.loading.objects import import_object

print("imported in", os.getpid(), flush=True)

class Service(WorkerService):
    def __init__(self, argument, is_first_worker):
        self.argument, self.is_first_worker = argument, is_first_worker

    @classmethod
    async def load(cls, argument, *, is_first_worker):
        return cls(import_object(argument), is_first_worker)

    async def serve(self, broker, *, finish):
        name = "first" if self.is_first_worker else "other"
        print("serving", name, type(broker).__name__, self.argument, flush=True)
        await finish.wait()
        print("leaving", name, flush=True)

class Raising(Service):
    async def serve(self, broker, *, finish):
        raise OSError("no route")

class NotAService:
    pass
"""


@pytest.fixture(autouse=True)
def _without_the_scheduler(project: Project) -> None:
    project.env["TASKIQ_DISABLE_PLUGINS"] = "taskiq-scheduler"
    project.write("settings.py", "interval = 42\n")


def install(project: Project, target: str = "Service") -> None:
    modules = {"acme_plugin": PLUGIN.format(target=target), "acme_service": SERVICE}
    project.install("acme", "[taskiq]\nacme = acme_plugin\n", modules)


def test_every_worker_serves_it_and_nothing_else_imports_it(project: Project) -> None:
    install(project)
    command = project.start("worker", "app:broker", "--with-scheduler", "settings:interval")
    command.listening(2)
    command.line(r"serving first FileBroker 42")
    command.line(r"serving other FileBroker 42")

    assert command.stop() == 0

    assert "leaving first" in command.text
    assert "leaving other" in command.text
    imported = {
        int(line.split()[2]) for line in command.text.splitlines() if line.startswith("imported")
    }
    assert imported == set(command.workers())


def test_worker_that_was_not_asked_does_not_import_it(project: Project) -> None:
    install(project)
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()

    assert command.stop() == 0
    assert "imported in" not in command.text


def test_service_that_fails_does_not_harm_the_tasks(project: Project) -> None:
    install(project, "Raising")
    command = project.start("worker", "app:broker", "-w", "1", "--with-scheduler", "os:getpid")
    command.line("The worker service 'scheduler' has ended")
    command.line("OSError: no route")

    project.send("note", "ran")

    assert project.file("ran")
    assert command.stop() == 0


@pytest.mark.parametrize(
    ("target", "argument", "message"),
    [
        ("Service", "nowhere:interval", "There is no module 'nowhere'"),
        ("NotAService", "settings:interval", "is not a subclass of WorkerService"),
        ("Missing", "settings:interval", "has no attribute 'Missing'"),
    ],
)
def test_service_that_cannot_be_loaded(
    project: Project, target: str, argument: str, message: str
) -> None:
    install(project, target)

    ran = project.run("worker", "app:broker", "--with-scheduler", argument)

    assert ran.exit_code == 3, ran
    assert ran.err.count(message) == 1, ran
    assert "Traceback" not in ran.err


def test_no_plugin_has_it(project: Project) -> None:
    ran = project.run("worker", "app:broker", "--with-scheduler", "settings:interval")

    assert ran.exit_code == 4, ran
    assert "There is no worker service 'scheduler'" in ran.err


def test_listing_shows_it(project: Project) -> None:
    install(project)

    assert "worker service scheduler" in project.run("plugins").out
    assert "worker service scheduler: acme_service:Service (Beside.)" in (
        project.run("plugins", "acme").out
    )

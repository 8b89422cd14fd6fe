"""Workers that end are replaced, at once or later, or end the command."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.cli_project import Project


def test_killed_worker_is_replaced(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()

    os.kill(command.workers()[0], signal.SIGKILL)
    command.line(r"was killed by SIGKILL .*, it is started again at once")
    command.listening(2)
    project.send("note", "after")

    assert int(project.file("after")) == command.workers()[1]
    assert command.stop() == 0


def test_worker_that_another_program_asks_to_leave_is_replaced(project: Project) -> None:
    """That is not a failure: rolling restarts by hand do not use up --max-fails."""
    command = project.start("worker", "app:broker", "-w", "1", "--max-fails", "1")
    command.listening()

    os.kill(command.workers()[0], signal.SIGTERM)
    command.line("has ended without being asked, it is started again at once")
    command.listening(2)

    assert command.stop() == 0


def test_worker_that_dies_again_and_again_is_restarted_later_and_later(project: Project) -> None:
    project.write("dies.py", "import os\nfrom app import broker\nos._exit(9)\n")

    command = project.start("worker", "dies:broker", "-w", "1")

    command.line(r"has failed with exit status 9, it is started again at once")
    command.line(r"has failed with exit status 9, it is started again in 0\.[2345] s")
    command.line(r"has failed with exit status 9, it is started again in (0\.[5-9]|1\.0) s")
    assert command.stop() == 0


def test_max_fails_ends_the_command(project: Project) -> None:
    project.write("dies.py", "import os\nfrom app import broker\nos._exit(9)\n")

    command = project.start("worker", "dies:broker", "-w", "1", "--max-fails", "2")

    assert command.exit_code() == 255
    assert len(command.workers()) == 2
    assert "workers have failed 2 times (--max-fails)" in command.text


def test_broker_that_cannot_start_is_a_failed_worker(project: Project) -> None:
    project.write(
        "down.py",
        "from app import broker\nfrom taskiq_core.events import TaskiqEvents\n"
        "async def connect(state):\n    raise ConnectionRefusedError('port 1')\n"
        "broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, connect)\n",
    )

    command = project.start("worker", "down:broker", "-w", "1", "--max-fails", "1")

    assert command.exit_code() == 255
    assert "can't be started or listened to: ConnectionRefusedError: port 1 (" in command.text
    assert "down.py, line 4" in command.text
    assert "Traceback" not in command.text


@pytest.mark.parametrize("count", ["1", "2"])
def test_what_is_set_up_wrong_is_said_once(project: Project, count: str) -> None:
    """A server may come back; this would fail at each start."""
    project.write(
        "wrong.py",
        "from app import broker\n@broker.task('later', priority=3)\ndef later(): ...\n",
    )

    command = project.start("worker", "wrong:broker", "-w", count)

    assert command.exit_code() == 9
    assert command.text.count("The worker can't start: Task 'later' asks for 'priority'") == 1
    assert "started again" not in command.text
    assert "server up" not in command.text
    assert "Traceback" not in command.text


@pytest.mark.parametrize("when", ["startup", "listen"])
def test_what_no_time_will_mend_ends_the_workers(project: Project, when: str) -> None:
    """A broker says so by BrokerSetupError, at its start or while it is listened to."""
    project.write(
        "refused.py",
        "from taskiq_core.broker import AsyncBroker\n"
        "from taskiq_core.exceptions import BrokerSetupError\n"
        "class WrongPassword(BrokerSetupError):\n    __template__ = 'the password is wrong'\n"
        "class Refused(AsyncBroker):\n"
        "    async def kick(self, message): ...\n"
        "    async def listen(self):\n        raise WrongPassword\n        yield b''\n"
        "class RefusedAtOnce(Refused):\n"
        "    async def startup(self):\n        raise WrongPassword\n"
        "startup, listen = RefusedAtOnce(), Refused()\n",
    )

    command = project.start("worker", f"refused:{when}", "-w", "1")

    assert command.exit_code() == 9
    assert command.text.count("The worker can't start: the password is wrong") == 1
    assert "started again" not in command.text
    assert "Traceback" not in command.text


def test_worker_is_recycled_after_its_tasks(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--max-tasks-per-child", "2")
    for name in ("a", "b", "c"):
        project.send("note", name)

    pids = [int(project.file(name)) for name in ("a", "b", "c")]

    assert pids[0] == pids[1] != pids[2]
    assert "has run as many tasks as it may, another takes its place" in command.text
    assert "failed" not in command.text
    assert command.stop() == 0


@pytest.fixture
def hangup(request: pytest.FixtureRequest) -> Iterator[None]:
    """What processes started by the test inherit for SIGHUP."""
    before = signal.signal(signal.SIGHUP, request.param)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "hangup", [signal.SIG_DFL, signal.SIG_IGN], ids=["default", "nohup"], indirect=True
)
def test_hangup_restarts_the_workers(project: Project, hangup: None) -> None:
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()

    command.signal(signal.SIGHUP)
    command.listening(2)

    assert len(set(command.workers())) == 2
    assert command.stop() == 0


def test_load_failure_beside_a_running_worker_is_tried_again(project: Project) -> None:
    """A half-copied deployment must not take down the workers that still run."""
    command = project.start("worker", "app:broker", "-w", "2")
    command.listening(2)
    good = project.folder.joinpath("app.py").read_text()

    project.write("app.py", "1 / 0\n")
    os.kill(command.workers()[0], signal.SIGKILL)
    command.line("ZeroDivisionError")
    project.write("app.py", good)
    command.listening(3)

    assert command.stop() == 0


def test_waiting_costs_no_processor_time(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()
    status = Path(f"/proc/{command.process.pid}/status")

    def switches() -> list[str]:
        return re.findall(r"ctxt_switches:\s+(\d+)", status.read_text())

    before = switches()
    time.sleep(1)  # the absence of something can only be waited for

    assert switches() == before


@pytest.mark.parametrize(("option", "is_parent"), [(None, True), ("--use-process-pool", False)])
def test_plain_functions_run_in_threads_or_processes(
    project: Project, option: str | None, is_parent: bool
) -> None:
    command = project.start("worker", "app:broker", "-w", "1", *([option] if option else []))
    project.send("plain", "where")

    pid, parent = map(int, project.file("where").split())

    worker = command.workers()[0]
    assert (pid == worker) if is_parent else (pid != worker and parent == worker)
    assert command.stop() == 0


def test_processes_of_the_pool_leave_with_their_worker(project: Project) -> None:
    from taskiq_testservers.cli_project import is_running, until

    command = project.start("worker", "app:broker", "-w", "1", "--use-process-pool")
    project.send("plain_hang", "a")
    pool_process = int(project.file("a.started"))

    os.kill(command.workers()[0], signal.SIGKILL)

    until(lambda: not is_running(pool_process), "the end of the pool's process")

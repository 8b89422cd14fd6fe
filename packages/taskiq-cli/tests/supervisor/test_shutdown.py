"""The stages of a shutdown: finish, cancel, kill."""

import os
import signal

import pytest

from taskiq_testservers.cli_project import Project, is_running, until


def test_running_task_finishes_before_the_worker_leaves(project: Project) -> None:
    """SIGTERM: what runs goes on, what comes later stays in the queue."""
    command = project.start("worker", "app:broker", "-w", "1")
    project.send("hold", "a")
    project.file("a.started")

    command.signal()
    command.line("Leaving: no more tasks")
    project.send("note", "too-late")
    (project.files / "a.go").touch()

    assert command.exit_code() == 0
    assert (project.files / "a.done").exists()
    assert not (project.files / "too-late").exists()
    assert (project.queued(), project.taken()) == (1, 0)
    assert project.file("goodbyes").split() == [str(pid) for pid in command.workers()]


def test_sigterm_for_everybody_is_one_request(project: Project) -> None:
    """As of a service manager that signals the whole group, the supervisor and the workers."""
    command = project.start("worker", "app:broker", "-w", "1")
    project.send("hold", "a")
    project.file("a.started")

    (worker,) = command.workers()
    os.kill(worker, signal.SIGTERM)
    command.signal()
    command.line("Stopping, SIGTERM")
    os.kill(worker, signal.SIGTERM)
    (project.files / "a.go").touch()

    assert command.exit_code() == 0
    assert (project.files / "a.done").exists()


def test_sigint_stops_as_well(project: Project) -> None:
    command = project.start("worker", "app:broker")
    command.listening(2)

    command.signal(signal.SIGINT)

    assert command.exit_code() == 0
    assert "Stopping, SIGINT. No more tasks are taken" in command.text
    assert "All workers have left, exit status 0" in command.text


def test_deadline_cancels_and_gives_back(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--wait-tasks-timeout", "0.2")
    project.send("hold", "a")
    project.file("a.started")

    code = command.stop()

    assert code == 0
    assert (project.files / "a.cancelled").exists()
    assert (project.queued(), project.taken()) == (1, 0)
    assert "did not finish in 0.2 s" in command.text
    assert "hold (" in command.text


def test_second_signal_cancels_at_once(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1")
    project.send("hold", "a")
    project.file("a.started")

    command.signal()
    command.line("Leaving: no more tasks")
    command.signal()

    assert command.exit_code() == 0
    assert (project.files / "a.cancelled").exists()
    assert (project.queued(), project.taken()) == (1, 0)
    assert "cancels its running tasks and gives them back: SIGTERM" in command.text
    assert project.file("goodbyes")


@pytest.mark.parametrize("task", ["hang", "plain_hang"])
def test_worker_that_hangs_is_killed_or_left_at_the_deadline(project: Project, task: str) -> None:
    """A blocked event loop is killed; a blocked thread is left behind, its message given back."""
    command = project.start(
        "worker",
        "app:broker",
        "-w",
        "1",
        "--wait-tasks-timeout",
        "0.1",
        "--shutdown-timeout",
        "0.1",
    )
    project.send(task, "a")
    project.file("a.started")

    code = command.stop()

    if task == "hang":
        assert code == 5
        assert "is killed: not gone 0.1 s later" in command.text
    else:
        assert code == 0
        assert project.queued() == 1
    assert not any(is_running(pid) for pid in command.workers())


def test_many_signals_kill(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--hardkill-count", "2")
    project.send("hang", "a")
    project.file("a.started")

    command.signal()
    command.line("Stopping, SIGTERM")
    command.signal()
    command.line("cancels its running tasks")
    command.signal()

    assert command.exit_code() == 5
    assert "is killed: SIGTERM, signal 3" in command.text


@pytest.mark.parametrize("busy", [False, True])
def test_workers_leave_when_their_supervisor_is_killed(project: Project, busy: bool) -> None:
    command = project.start("worker", "app:broker", "-w", "2", "--shutdown-timeout", "0.3")
    command.listening(2)
    if busy:
        project.send("hang", "a")
        project.file("a.started")

    command.signal(signal.SIGKILL)
    command.exit_code()

    until(lambda: not any(map(is_running, command.workers())), "the end of the orphans")
    assert "The supervisor is gone" in command.text


def test_worker_that_is_told_to_stop_during_startup_leaves(project: Project) -> None:
    project.write(
        "slow.py",
        "import asyncio\nfrom app import broker\n"
        "async def wait(state):\n    print('waiting', flush=True)\n    await asyncio.sleep(1000)\n"
        "from taskiq_core.events import TaskiqEvents\n"
        "broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, wait)\n",
    )
    command = project.start("worker", "slow:broker", "-w", "1")
    command.line("waiting")

    assert command.stop() == 0


FORKS = """
import subprocess, sys
from app import broker, files

def fork(name, **options):
    command = [sys.executable, "-c", "import time; time.sleep(1000)"]
    (files / name).write_text(str(subprocess.Popen(command, **options).pid))

if broker.is_worker_process:
    fork("of-module")

@broker.task(task_name="fork")
def of_task():
    fork("detached.part", start_new_session=True)
    (files / "detached.part").rename(files / "detached")
    fork("of-task.part")
    (files / "of-task.part").rename(files / "of-task")
"""


@pytest.mark.parametrize("how", ["stop", "restart"])
def test_processes_that_tasks_and_modules_have_started_end_with_the_worker(
    project: Project, how: str
) -> None:
    """Their group is killed; one that is meant to stay is started in a session of its own."""
    project.write("forks.py", FORKS)
    command = project.start("worker", "app:broker", "forks", "-w", "1")
    command.listening()
    project.send("fork", module="forks")
    started = [int(project.file(name)) for name in ("of-task", "of-module")]
    detached = int(project.file("detached"))

    if how == "stop":
        assert command.stop() == 0
    else:
        os.kill(command.workers()[0], signal.SIGTERM)
        command.listening(2)

    try:
        until(lambda: not any(map(is_running, started)), "the end of the processes")
        assert is_running(detached)
    finally:
        os.kill(detached, signal.SIGKILL)


def test_worker_that_crashes_while_it_stops_is_told_by_the_exit_status(project: Project) -> None:
    project.write(
        "crashes.py",
        "import os\nfrom app import broker\nfrom taskiq_core.events import TaskiqEvents\n"
        "broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, lambda state: os._exit(9))\n",
    )
    command = project.start("worker", "crashes:broker", "-w", "2")
    command.listening(2)

    assert command.stop() == 1
    assert "was stopping, and has failed with exit status 9" in command.text


def test_worker_that_is_stopped_while_it_imports_has_not_crashed(project: Project) -> None:
    project.write("slow.py", "import time\nprint('importing', flush=True)\ntime.sleep(1000)\n")
    command = project.start("worker", "slow:broker", "-w", "1")
    command.line("importing")

    assert command.stop() == 0


def test_no_zombie_is_left(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()
    for times in (2, 3):
        os.kill(command.workers()[-1], signal.SIGKILL)
        command.listening(times)

    children = until(
        lambda: (
            project.folder.joinpath(
                f"/proc/{command.process.pid}/task/{command.process.pid}/children"
            )
            .read_text()
            .split()
        )
    )

    assert children == [str(command.workers()[-1])]
    assert command.stop() == 0

"""What programs of taskiq 0.13 do with workers: WorkerArgs and start_listen."""

import signal
import subprocess
import sys
from typing import Any

import pytest

from taskiq_cli.compat.worker_args import WorkerArgs, receiver_arg_type
from taskiq_testservers.cli_project import Project, until

PROGRAM = """
import logging, sys
from taskiq_cli.compat.run_worker import start_listen
from taskiq_cli.compat.worker_args import WorkerArgs
from taskiq_core.events import TaskiqEvents
from app import broker, files


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def begin(state):
    (files / "begun").touch()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def end(state):
    (files / "ended").touch()


args = WorkerArgs(broker=broker, modules=[], configure_logging=False, log_level=logging.DEBUG)
start_listen(args)
assert logging.getLogger("taskiq").level == logging.DEBUG
(files / "returned").touch()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_start_listen_of_a_broker_ends_gracefully(project: Project, number: int) -> None:
    """Commands of frameworks call it in their own process, with the broker that they have."""
    project.write("own.py", PROGRAM)
    program = subprocess.Popen([sys.executable, "own.py"], cwd=project.folder, env=project.env)
    try:
        project.file("begun")
        project.send("note", "done")
        project.file("done")

        until(lambda: project.taken() == 0 or None, "the end of the task")
        program.send_signal(number)

        assert program.wait(20) == 0
    finally:
        program.kill()
        program.wait()
    assert (project.files / "ended").exists()
    assert (project.files / "returned").exists()


def test_broker_object_needs_start_listen() -> None:
    from taskiq_cli.compat.run_worker import run_worker

    with pytest.raises(TypeError, match=r"Give the path of the broker .* or call start_listen"):
        run_worker(WorkerArgs(broker=object(), modules=[]))  # type: ignore[arg-type]  # refused


@pytest.mark.parametrize(
    ("line", "defaults"),
    [(["a:b", "--max-prefetch", "-1"], {}), (["a:b"], {"max_prefetch": -2})],
)
def test_negative_prefetch_is_bad_usage(
    line: list[str], defaults: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        WorkerArgs.from_cli(line, defaults)

    assert raised.value.code == 2
    assert "--max-prefetch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "pair"), [("a-b=1", ("a-b", "1")), ("a b=x=y", ("a b", "x=y")), ("=v", ("", "v"))]
)
def test_receiver_argument_has_any_name(text: str, pair: tuple[str, str]) -> None:
    assert receiver_arg_type(text) == pair


@pytest.mark.parametrize("number", [0, -1])
def test_no_limit_of_tasks(project: Project, number: int) -> None:
    """`max_async_tasks` of 0 or -1, and `max_tasks_per_child` of 0, mean no limit."""
    text = PROGRAM.replace(
        "modules=[]", f"modules=[], max_async_tasks={number}, max_tasks_per_child=0"
    )
    project.write("own.py", text)
    program = subprocess.Popen([sys.executable, "own.py"], cwd=project.folder, env=project.env)
    try:
        for name in ("one", "two"):
            project.send("note", name)
            project.file(name)
        program.terminate()
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.wait()

"""The pool of processes: one call can be killed without harm to the others."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import TaskProcessAnswerError, TaskProcessError
from taskiq_core.process_pool import KillableProcessPool


@pytest.fixture
def pool() -> Iterator[KillableProcessPool]:
    pool = KillableProcessPool(2)
    yield pool
    pool.shutdown(wait=False, cancel_futures=True)


# What runs in other processes is text: they can't import this module by the name that it has here.
FAIL = "{}['x']"
DIE = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
FORK = "import os; os.fork()"
FORK_AND_FAIL = "import os; os.fork() or exit()"
FORK_AND_DIE = """
import os, pathlib, time
if os.fork():
    os._exit(3)
while not pathlib.Path({!r}).exists():
    time.sleep(0.01)
os._exit(0)
"""
ANSWER_ELSEWISE = """
import gc
from multiprocessing.connection import Connection
from taskiq_core.process_pool import _Answer
for pipe in gc.get_objects():
    if isinstance(pipe, Connection):
        pipe.send(_Answer(number=0, value="of another call"))
"""
HANG = "import pathlib, time; pathlib.Path({!r}).touch(); time.sleep(600)"


def started(marker: Path) -> None:
    while not marker.exists():  # another process says so by a file
        time.sleep(0.01)


def test_calls_run_in_other_processes_and_use_one_again(pool: KillableProcessPool) -> None:
    first, second = (pool.submit(os.getpid).result(30) for _ in range(2))

    assert first == second != os.getpid()


def test_error_comes_back_with_the_traceback_of_its_process(pool: KillableProcessPool) -> None:
    error = pool.submit(exec, FAIL).exception(30)

    assert isinstance(error, KeyError)
    assert 'File "<string>", line 1' in str(error.__cause__)


def test_killed_call_fails_alone(pool: KillableProcessPool, tmp_path: Path) -> None:
    hanging = [pool.submit(exec, HANG.format(str(tmp_path / name))) for name in ("a", "b")]
    started(tmp_path / "a")
    started(tmp_path / "b")

    pool.kill(hanging[0])

    error = hanging[0].exception(30)
    assert isinstance(error, TaskProcessError)
    assert error.exitcode == -signal.SIGKILL
    assert not hanging[1].done()
    assert pool.submit(abs, -1).result(30) == 1
    pool.kill(hanging[1])


def test_process_that_dies_fails_its_call_and_a_new_one_takes_its_place(
    pool: KillableProcessPool,
) -> None:
    with pytest.raises(TaskProcessError, match="exit code -11"):
        pool.submit(exec, DIE).result(30)
    assert pool.submit(abs, -1).result(30) == 1


def test_kill_harms_no_call_that_does_not_run(pool: KillableProcessPool) -> None:
    pool.kill(Future())

    assert pool.submit(abs, -1).result(30) == 1


@pytest.mark.parametrize(
    ("call", "text"),
    [((eval, "lambda: None"), "returned"), ((lambda: None,), "pickle|local object")],
)
def test_what_cannot_be_sent_is_an_error_and_no_endless_wait(
    pool: KillableProcessPool, call: Any, text: str
) -> None:
    with pytest.raises(Exception, match=text):
        pool.submit(*call).result(30)
    assert pool.submit(abs, -1).result(30) == 1


def test_shutdown_ends_the_processes_and_refuses_more(tmp_path: Path) -> None:
    pool = KillableProcessPool(1)
    pid = pool.submit(os.getpid).result(30)

    pool.shutdown(wait=True)

    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, 1)
    if sys.platform == "linux":
        assert not Path(f"/proc/{pid}").exists()


def test_shutdown_drops_what_has_not_begun(tmp_path: Path) -> None:
    pool = KillableProcessPool(1)
    running, waiting = pool.submit(exec, HANG.format(str(tmp_path / "a"))), pool.submit(abs, 1)
    started(tmp_path / "a")

    pool.shutdown(wait=False, cancel_futures=True)

    assert waiting.cancelled()
    pool.kill(running)
    assert isinstance(running.exception(30), TaskProcessError)


def test_a_process_that_can_not_be_started_fails_its_call_alone(
    pool: KillableProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when there are too many; the next call has a process again."""

    def refuse() -> None:
        raise BlockingIOError("too many processes")

    with monkeypatch.context() as patched:
        patched.setattr("taskiq_core.process_pool._Child", refuse)
        failed = pool.submit(os.getpid)
        with pytest.raises(BlockingIOError):
            failed.result(30)

    assert pool.submit(os.getpid).result(30) != os.getpid()


@pytest.mark.parametrize("fork", [FORK, FORK_AND_FAIL])
def test_process_that_a_call_forked_answers_nothing(fork: str) -> None:
    """It returns from the call, as its parent does, and would take part in what follows."""
    pool = KillableProcessPool(1)

    assert pool.submit(exec, fork).result(30) is None
    answers = [pool.submit(abs, -number).result(30) for number in range(50)]

    pool.shutdown(wait=True)
    assert answers == list(range(50))


def test_process_that_a_call_forked_does_not_hide_the_death_of_its_parent(
    pool: KillableProcessPool, tmp_path: Path
) -> None:
    dying = pool.submit(exec, FORK_AND_DIE.format(str(tmp_path / "leave")))
    try:
        with pytest.raises(TaskProcessError, match="exit code 3"):
            dying.result(20)
    finally:
        (tmp_path / "leave").touch()


def test_answer_for_another_call_is_an_error_and_never_a_value(pool: KillableProcessPool) -> None:
    with pytest.raises(TaskProcessAnswerError, match="answered for another call"):
        pool.submit(exec, ANSWER_ELSEWISE).result(30)
    assert pool.submit(abs, -1).result(30) == 1

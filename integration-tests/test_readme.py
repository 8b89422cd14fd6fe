"""Every program of the README is a file under examples/, and does what the README says."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from taskiq_testservers.commands import ROOT, StartWorker, run

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"(?:<!-- (\S+) -->\n)?```python\n(.*?)```", README, re.DOTALL)


def test_there_are_programs() -> None:
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize(("path", "program"), BLOCKS)
def test_program_is_a_file_under_examples(path: str, program: str) -> None:
    assert path, f"a program without the comment that names its file: {program[:60]}"

    assert (ROOT / path).read_text() == program


def test_hello_prints_three(tmp_path: Path) -> None:
    finished = run(sys.executable, ROOT / "examples/hello.py", cwd=tmp_path)

    assert finished.stdout == "3\n", finished.stderr


@pytest.mark.parametrize("url", ["", "zmq+tcp://127.0.0.1:{port}"])
def test_first_steps_with_two_workers(
    tmp_path: Path, free_port: int, start_worker: StartWorker, url: str
) -> None:
    """The README's programs, on a file and over ZeroMQ."""
    env = {"TASKIQ_BROKER_URL": url.format(port=free_port)}
    for name in ("tkq.py", "send.py"):
        shutil.copy(ROOT / "examples/first_steps" / name, tmp_path)

    start_worker("tkq:broker", "--workers", "2", cwd=tmp_path, env=env)
    finished = run(sys.executable, "send.py", cwd=tmp_path, env=env)

    printed = README.split("```\nHello, world!")[1].split("```")[0]
    assert finished.stdout == "Hello, world!" + printed, finished.stderr


def programs_of(package: str) -> list[str]:
    text = (ROOT / "packages" / package / "README.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize(
    ("package", "number", "printed"),
    [
        ("taskiq-admin", 0, ""),
        ("taskiq-core", 0, "Hello, world!\n"),
        ("taskiq-inmemory", 0, "3\n"),
        ("taskiq-prometheus", 0, ""),
        ("taskiq-retry", 0, "done at attempt 3\n"),
        ("taskiq-scheduler", 1, "Hello, world!\n"),
        ("taskiq-serializers", 0, "Friday\n"),
    ],
)
def test_program_of_a_package(tmp_path: Path, package: str, number: int, printed: str) -> None:
    (tmp_path / "program.py").write_text(programs_of(package)[number])

    finished = run(sys.executable, "program.py", cwd=tmp_path)

    assert finished.stdout == printed, finished.stderr


def test_schedules_of_the_scheduler_are_listed(tmp_path: Path, taskiq: Path) -> None:
    (tmp_path / "tkq.py").write_text(programs_of("taskiq-scheduler")[0])

    finished = run(taskiq, "schedules", "tkq:scheduler", cwd=tmp_path)

    assert "at 03:00 every day, Europe/Berlin" in finished.stdout, finished.stderr
    assert "every 10 minutes" in finished.stdout

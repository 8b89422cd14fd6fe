"""The fixture `taskiq_broker` in the tests of an application."""

import subprocess
import sys
from pathlib import Path

import pytest

APPLICATION = """
from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker("redis://127.0.0.1:1")

@broker.task
async def add(first: int, second: int) -> int:
    return first + second
"""
TEST = """
import asyncio
from application import add

def test_add(taskiq_broker):
    async def run():
        await add.kiq(1, 2)
        (ran,) = await taskiq_broker.run_pending()
        assert ran.result.return_value == 3

    asyncio.run(run())
    taskiq_broker.assert_sent_with(add, 1, second=2)
"""
FIXTURE = """
import pytest
from application import broker

@pytest.fixture
def taskiq_application_broker():
    return broker
"""


def run_pytest(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *arguments]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return finished.stdout + finished.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "test_application.py").write_text(TEST)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\npythonpath = .\n"
    )
    return tmp_path


def test_a_setting_names_the_broker(project: Path) -> None:
    printed = run_pytest(project, "-o", "taskiq_broker=application:broker")

    assert "1 passed" in printed, printed


def test_a_fixture_gives_the_broker(project: Path) -> None:
    (project / "conftest.py").write_text(FIXTURE)

    printed = run_pytest(project)

    assert "1 passed" in printed, printed


def test_without_either_the_error_names_both(project: Path) -> None:
    printed = run_pytest(project)

    assert "The fixture taskiq_broker does not know your broker" in printed
    assert "taskiq_application_broker" in printed

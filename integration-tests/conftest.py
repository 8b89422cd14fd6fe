"""Real workers on free ports, started as a user starts them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.commands import ROOT, StartWorker, find_free_port


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens to."""
    return find_free_port()


@pytest.fixture
def taskiq() -> Path:
    """The `taskiq` command of the environment that runs the tests."""
    return Path(sys.executable).with_name("taskiq")


@pytest.fixture
def start_worker(taskiq: Path, tmp_path: Path) -> Iterator[StartWorker]:
    """Start `taskiq worker` with some arguments; stopped, at worst killed, at the end.

    Its output is in `worker.log` in the test's folder.
    """
    started: list[subprocess.Popen[bytes]] = []

    def start(
        *arguments: str, cwd: Path, env: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [taskiq, "worker", *arguments],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def spool(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The example plugin, built as a wheel and installed; the environment that sees it."""
    wheels, site = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--quiet"]
    source = ROOT / "examples/taskiq-spool"
    subprocess.run([*pip, "wheel", *options, "-w", wheels, source], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", *options, "--target", site, wheel], check=True)
    return {"PYTHONPATH": str(site)}

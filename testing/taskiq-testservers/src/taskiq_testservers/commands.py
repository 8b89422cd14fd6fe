"""Commands: run to their end, and `taskiq worker` on free ports."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[4]
"""The folder of the repository."""


def find_free_port() -> int:
    """A port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class StartWorker(Protocol):
    """Starts `taskiq worker` with some arguments."""

    def __call__(
        self,
        *arguments: str,
        cwd: Path,
        env: dict[str, str] | None = None,
    ) -> subprocess.Popen[bytes]: ...


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_beside_worker(folder: Path, *, client: str = "app.py", **env: str) -> str:
    """Run a program of a folder beside a worker of `app:broker`, as a README has it.

    Args:
        folder: has `app.py`, which both import.
        client: the program that sends.
        env: variables of both.

    Returns:
        What the program printed.
    """
    env = {"PYTHONPATH": str(folder), **env}
    command = [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "--workers", "1"]
    worker = subprocess.Popen(command, cwd=folder, env={**os.environ, **env})
    try:
        finished = run(sys.executable, client, cwd=folder, env=env)
    finally:
        worker.terminate()
        status = worker.wait()
    assert finished.returncode == 0, finished.stderr
    assert status == 0
    return finished.stdout

"""Commands as real processes, and waiting for what they do."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")
_HERE = Path(__file__).parent
LIMIT = 20.0
"""Seconds after which what is waited for will not happen any more."""


def until(look: Callable[[], _T | None], what: str = "it", limit: float = LIMIT) -> _T:
    """Wait until `look` returns something true, and return that.

    Args:
        look: what to call again and again.
        what: what is waited for, for the error.
        limit: how long, in seconds.
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {limit} s")


def is_running(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        if platform.system() == "Linux":
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return stat.rpartition(")")[2].split()[0] != "Z"


class Command:
    """A `taskiq` command that runs."""

    def __init__(self, arguments: list[str], folder: Path, env: dict[str, str]) -> None:
        self.log = folder / f"log-{time.time_ns()}"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "taskiq_cli", *arguments],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    def line(self, pattern: str, limit: float = LIMIT) -> re.Match[str]:
        """The first line that matches, now or soon."""
        try:
            return until(lambda: re.search(pattern, self.text), f"a line {pattern!r}", limit)
        except AssertionError as error:
            raise AssertionError(f"{error}; the log is:\n{self.text}") from None

    def workers(self) -> list[int]:
        """The process ids of all workers so far."""
        return [int(pid) for pid in re.findall(r"worker-\d+ \((\d+)\) is started", self.text)]

    def listening(self, times: int = 1) -> None:
        """Wait until so many workers have begun to listen, counted from the start."""
        pattern = r"(Listening started[\s\S]*){" + str(times) + "}"
        self.line(pattern)

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def exit_code(self, limit: float = LIMIT) -> int:
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the command goes on; the log is:\n{self.text}") from None

    def stop(self) -> int:
        self.signal()
        return self.exit_code()

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        until(lambda: not any(is_running(pid) for pid in self.workers()), "the end of the workers")


class Project:
    """A folder with an application, and a place for distributions that only it sees.

    Args:
        folder: is made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        # The pyproject.toml of the tests, further up, is not this project's.
        (folder / "pyproject.toml").touch()
        self.folder = folder
        self.files = folder / "files"
        self.site = folder.parent / f"{folder.name}-site"
        self.site.mkdir()
        self.env = {**os.environ, "PYTHONPATH": str(self.site), "PYTHONDONTWRITEBYTECODE": "1"}
        for name in ("file_broker.py", "present_file_broker.py"):
            shutil.copy(_HERE / name, folder)
        shutil.copy(_HERE / "cli_project.txt", folder / "app.py")
        self._commands: list[Command] = []

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def install(self, name: str, entry_points: str, modules: dict[str, str]) -> None:
        """Install a distribution, as pip would leave it.

        Args:
            name: of the distribution.
            entry_points: the text of its `entry_points.txt`.
            modules: the sources of its modules, by name.
        """
        info = self.site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        for module, text in modules.items():
            (self.site / f"{module}.py").write_text(text)

    def start(self, *arguments: str) -> Command:
        command = Command(list(arguments), self.folder, self.env)
        self._commands.append(command)
        return command

    def run(self, *arguments: str, limit: float = LIMIT) -> "Ran":
        done = subprocess.run(
            [sys.executable, "-P", "-m", "taskiq_cli", *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def send(self, task: str, *arguments: str, module: str = "app") -> None:
        """Send a task of the application, in a process of its own."""
        code = (
            f"import asyncio, sys, {module} as app\n"
            "name, *arguments = sys.argv[1:]\n"
            "asyncio.run(app.broker.find_task(name).kiq(*arguments))\n"
        )
        subprocess.run(
            [sys.executable, "-c", code, task, *arguments],
            cwd=self.folder,
            env=self.env,
            check=True,
        )

    def file(self, name: str) -> str:
        """The text of a file that a task leaves, once it is there."""
        until((self.files / name).exists, f"the file {name}")
        return (self.files / name).read_text()

    def queued(self) -> int:
        return len(list((self.folder / "messages" / "queue").iterdir()))

    def taken(self) -> int:
        return len(list((self.folder / "messages" / "taken").iterdir()))

    def clean_up(self) -> None:
        for command in self._commands:
            command.clean_up()


class Ran:
    """What a finished command said."""

    def __init__(self, exit_code: int, out: str, err: str) -> None:
        self.exit_code, self.out, self.err = exit_code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"exit {self.exit_code}\n{self.out}\n{self.err}"

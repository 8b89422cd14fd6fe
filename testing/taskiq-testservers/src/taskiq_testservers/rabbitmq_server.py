"""Private RabbitMQ nodes, on free ports, which tests may kill and restart."""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from taskiq_testservers.redis_server import find_free_port

PATIENCE: Final = 120.0
"""Seconds; a node starts in five on a quiet machine."""
SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")
_NUMBERS: Final = itertools.count(1)


def find_script(name: str) -> str:
    """Return the path of one of RabbitMQ's scripts. The scripts in PATH may want another user."""
    path = os.pathsep.join([str(SCRIPTS), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    assert found is not None, f"{name} is not on this machine: install rabbitmq-server"
    return found


class RabbitServer:
    """A node with files of its own; an async context manager. The user is `guest`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tq-rabbit-", dir="/tmp"))
        self.port = find_free_port()
        self._node = f"tq{os.getpid()}x{next(_NUMBERS)}@localhost"
        self._ports = {"ERL_EPMD_PORT": find_free_port(), "RABBITMQ_DIST_PORT": find_free_port()}
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the node says of itself."""
        return self.folder / "output"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill it, and delete its files."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
        shutil.rmtree(self.folder, ignore_errors=True)

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        (self.folder / "enabled_plugins").write_text("[].")
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "log.console = true\nlog.file = false\n"
            "collect_statistics_interval = 60000\n"
        )
        if self._epmd is None:  # the node would start one that nobody ends
            self._epmd = subprocess.Popen(["epmd"], env=self._environment(), cwd=self.folder)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [find_script("rabbitmq-server")],
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.folder,
                start_new_session=True,
            )
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL it, with its children."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    async def stop(self) -> None:
        """Have it end in order: a queue that was declared a moment ago does not survive a kill."""
        assert self._process is not None
        found = subprocess.run(
            ["pgrep", "-g", str(self._process.pid), "beam"], capture_output=True, check=True
        )
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGTERM)
        await asyncio.to_thread(self._process.wait, PATIENCE)
        self._process = None

    async def restart(self) -> None:
        """Stop it and start it again, on the same port and with the same files."""
        await self.stop()
        await self.start()

    async def control(self, *command: str) -> str:
        """Run rabbitmqctl, and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            find_script("rabbitmqctl"),
            "-q",
            *command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment(),
            cwd=self.folder,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    def _environment(self) -> Mapping[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq"),
            # Two schedulers: tests run beside it on the same processors.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
            **{name: str(port) for name, port in self._ports.items()},
        }

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            # A protocol header of another version is answered with the right one.
            writer.write(b"AMQP\x00\x00\x00\x00")
            return (await reader.read(4)) == b"AMQP"
        except OSError:
            return False
        finally:
            writer.close()

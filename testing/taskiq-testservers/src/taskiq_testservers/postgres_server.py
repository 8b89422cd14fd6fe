"""Private PostgreSQL servers, on free ports and unix sockets, which tests may kill and restart."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

import asyncpg

from taskiq_testservers.redis_server import find_free_port

PATIENCE: Final = 30.0
VERSIONS: Final = Path("/usr/lib/postgresql")
_NUMBERS: Final = count(1)


def find_program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    folders = sorted(VERSIONS.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    assert found is not None, f"{name} is not on this machine: install postgresql"
    return found


class PostgresServer:
    """A server with a data folder of its own; an async context manager.

    The superuser is `postgres`, without a password. Where this process is root, the server runs as
    the user of that name, as it refuses to be root.

    Args:
        settings: for its command line.
    """

    def __init__(self, **settings: str) -> None:
        self.port = find_free_port()
        # A path of a socket has a hundred characters at most: not in pytest's folder.
        self.folder = Path(tempfile.mkdtemp(prefix="tq-pg-", dir="/tmp"))
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            "shared_buffers": "64MB",
            "max_wal_size": "2GB",
            "autovacuum_naptime": "10s",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What the server says of itself."""
        return self.folder / "log"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", *, user: str = "postgres", port: int = 0) -> str:
        """The URL of a database.

        Args:
            database: its name.
            user: who connects.
            port: of what stands before the server; 0 for the server itself.
        """
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill it, and delete its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def start(self) -> None:
        """Start it, with new files the first time, and wait until it answers."""
        if not self.data.exists():
            self._make_files()
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [find_program("postgres"), "-D", str(self.data), "-p", str(self.port), *options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **as_postgres()
            )
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                assert self._process.poll() is None, self.log.read_text()
                await asyncio.sleep(0.02)

    def _make_files(self) -> None:
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        command = [find_program("initdb"), "-D", str(self.data), "--username=postgres", "--no-sync"]
        command += ["--auth=trust", "--encoding=UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd="/", **as_postgres())

    def kill(self) -> None:
        """SIGQUIT it: it ends at once, as in a crash, and so do its children."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """SIGINT it: it ends in order, without waiting for its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    async def restart(self) -> None:
        """Kill it and start it again, on the same port and with the same files."""
        self.kill()
        await self.start()

    def pause(self) -> None:
        """Its processes do not answer any more, and its connections stand."""
        self._signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        """They answer again."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in [pid, *map(int, children)]:
            os.kill(each, number)

    async def connect(self, database: str = "postgres") -> Any:
        """A connection of the superuser."""
        return await asyncpg.connect(self.url(database))

    async def run(self, *statements: str, database: str = "postgres") -> Any:
        """Run statements as the superuser; the rows of the last one."""
        connection = await self.connect(database)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetch(statements[-1])
        finally:
            await connection.close()

    def new_schema_url(self) -> str:
        """The URL of a schema that only one test uses, and that does not exist yet."""
        return f"{self.url()}?schema=test_{os.getpid()}_{next(_NUMBERS)}"

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True


def as_postgres() -> dict[str, Any]:
    """Options of a subprocess that runs as the user postgres where this one is root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

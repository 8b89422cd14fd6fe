"""A private PgBouncer in transaction mode before a PostgreSQL server."""

import asyncio
import os
import shutil
import subprocess
from typing import Final, Self

import asyncpg

from taskiq_testservers.postgres_server import PATIENCE, PostgresServer, as_postgres
from taskiq_testservers.redis_server import find_free_port

PROGRAM: Final = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
"""None where Debian's package `pgbouncer` is not installed."""
_CONFIG: Final = """
[databases]
postgres = host=127.0.0.1 port={server} dbname=postgres user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
"""


class PgBouncer:
    """An async context manager; its files are in the folder of the server.

    Args:
        server: what it stands before.
    """

    def __init__(self, server: PostgresServer) -> None:
        self.port = find_free_port()
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    def url(self) -> str:
        """The URL of the database, by way of the pooler."""
        return self._server.url(port=self.port)

    async def __aenter__(self) -> Self:
        assert PROGRAM is not None, "pgbouncer is not on this machine: install it"
        config = self._server.folder / f"pgbouncer-{self.port}.ini"
        config.write_text(_CONFIG.format(server=self._server.port, port=self.port))
        config.chmod(0o644)
        log = (self._server.folder / "pgbouncer.log").open("ab")
        with log:
            command = [PROGRAM, str(config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **as_postgres())
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():  # noqa: ASYNC110  # a process has no event
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *args: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=5, statement_cache_size=0)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

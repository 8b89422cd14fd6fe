"""Server: where the tables are, and how connections to them are opened."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from taskiq_core.loggers import get_logger
from taskiq_pgsql.errors import PostgresTimeoutError, PostgresUrlError
from taskiq_pgsql.options import DURABILITIES, LONGEST_NAME
from taskiq_pgsql.storage.error_mapping import ERRORS, as_ours

logger = get_logger(__name__)

SETTINGS: Final[Mapping[str, str]] = {
    # A database, or a role, may say otherwise: a fetch that skips what others have locked is only
    # right if it sees what was committed before.
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    # A queue that was empty when it was last analyzed gets the plan of an empty table.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "60000",
}
"""Of each connection that is not behind a pooler."""
_SET: Final = """
SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS settings(name, value)
"""
_LAZY: Final = "(SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL"
"""A condition that has the transaction committed without waiting for the disk."""


class Server:
    """A database, and the schema in it.

    Attributes:
        address: for people; without credentials.
        schema: as it is given.

    Args:
        url: for asyncpg.
        schema: where the tables are.
        timeout: seconds without a reply after which a connection is given up.
        durability: `strict` to have claims and acknowledgements wait for the server's disk, too.
        options: of `asyncpg.connect`, such as `ssl`.

    Raises:
        PostgresUrlError: the URL, or an option, can't be used.
    """

    def __init__(
        self, url: str, *, schema: str, timeout: float, durability: str, options: Mapping[str, Any]
    ) -> None:
        if not schema or len(schema.encode()) > LONGEST_NAME or "\0" in schema:
            raise PostgresUrlError(reason=f"a schema has 1 to {LONGEST_NAME} bytes")
        if durability not in DURABILITIES:
            known = " or ".join(DURABILITIES)
            raise PostgresUrlError(reason=f"durability is {known}, not {durability!r}")
        self.address = _address(url)
        self.schema = schema
        self.timeout = timeout
        self._url = url
        self._options = options
        self._quoted = quoted(schema)
        self._lazy = "true" if durability == "strict" else _LAZY
        self._statements: dict[str, str] = {}

    def sql(self, template: str) -> str:
        """Return a statement with the schema in place of `{s}`, and a condition for `{lazy}`."""
        found = self._statements.get(template)
        if found is None:
            found = template.replace("{s}", self._quoted).replace("{lazy}", self._lazy)
            self._statements[template] = found
        return found

    async def connect(self) -> tuple[Any, bool]:
        """Open a connection.

        Returns:
            The connection, and whether a pooler stands between it and the server.

        Raises:
            PostgresUnreachableError: the server can't be reached, or refuses the user.
        """
        try:
            async with asyncio.timeout(self.timeout):
                return await self._connect()
        except TimeoutError as error:
            raise PostgresTimeoutError(address=self.address, timeout=self.timeout) from error
        except ERRORS as error:
            raise as_ours(error, address=self.address, schema=self.schema) from error
        except ValueError as error:  # of a URL, which may have a password
            reason = "asyncpg can't read it; look at its scheme, host, port and query"
            raise PostgresUrlError(reason=reason) from error

    async def _connect(self) -> tuple[Any, bool]:
        connection = await self._open()
        # Not cancelled: asyncpg would open another connection to cancel a statement.
        setting_up = asyncio.ensure_future(self._set_up(connection))
        try:
            return connection, await asyncio.shield(setting_up)
        except BaseException:
            connection.terminate()
            await asyncio.gather(setting_up, return_exceptions=True)
            raise

    async def _set_up(self, connection: Any) -> bool:
        """Set what our statements need.

        Returns:
            Whether a pooler stands between the connection and the server.
        """
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        is_pooled: bool = pid != connection.get_server_pid()
        if not is_pooled:
            await connection.fetch(_SET, list(SETTINGS), list(SETTINGS.values()))
        return is_pooled

    async def _open(self) -> Any:
        settings = {"application_name": "taskiq", **self._options.get("server_settings", {})}
        # No named statements that we don't make ourselves: a pooler may not keep them.
        options: dict[str, Any] = {
            "statement_cache_size": 0,
            **self._options,
            "server_settings": settings,
        }
        return await asyncpg.connect(self._url, **options)


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _address(url: str) -> str:
    """Return host, port and database of a URL, for people."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
    except ValueError as error:
        raise PostgresUrlError(reason="it is not a URL") from error
    host = parts.netloc.rpartition("@")[2] or ",".join(query.get("host", ["localhost"]))
    port = query.get("port", [""])[0]
    return f"{host}{':' if port else ''}{port}{parts.path}"

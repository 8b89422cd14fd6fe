"""PostgresDatabase: the connections that a broker, its results and its schedules share."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from taskiq_core.brokers.per_loop import PerLoop
from taskiq_pgsql.options import COMMAND_TIMEOUT, DEFAULT_SCHEMA, DEFAULT_URL, require_positive
from taskiq_pgsql.storage import schema
from taskiq_pgsql.storage.connection import HeldConnection, Record
from taskiq_pgsql.storage.notify import Listener, Notifier
from taskiq_pgsql.storage.server import Server


class DatabaseSettings(TypedDict, total=False):
    """Options of `PostgresDatabase`."""

    schema: str
    command_timeout: float
    durability: str
    connect_options: Mapping[str, Any]


class Connections:
    """The connections of one event loop; each is opened by its first call.

    Attributes:
        main: for calls that wait for the server's disk: sends, results.
        claims: for fetching and acknowledging, which need not.
        keyed: for sends with unique keys, which may wait for the transactions of others.
        notifier: tells other processes, over `main`.
        listener: hears of other processes, over a connection of its own.
    """

    def __init__(self, server: Server) -> None:
        self.main = HeldConnection(server)
        self.claims = HeldConnection(server)
        self.keyed = HeldConnection(server)
        self.notifier = Notifier(self.main, server.schema)
        self.listener = Listener(server)

    async def close(self) -> None:
        """Disconnect."""
        await self.listener.close()
        await self.notifier.wait_idle()
        await asyncio.gather(self.main.close(), self.claims.close(), self.keyed.close())


class PostgresDatabase:
    """A database, and the schema of taskiq in it; may be shared by brokers, results and schedules.

    Attributes:
        may_create: whether `open` may create and migrate the tables.

    Args:
        url: `postgresql://user:password@host:5432/database`; its query may have options of asyncpg,
            such as `sslmode`.
        schema: the schema of the tables.
        command_timeout: seconds without a reply after which a connection is given up.
        durability: `normal`: what is sent, and results, are on the server's disk when a call
            returns; if the server crashes, tasks that were fetched or acknowledged in the last
            half second may run again. `strict`: these, too.
        connect_options: of `asyncpg.connect`, such as `ssl`.

    Raises:
        PostgresUrlError: the URL, or an option, can't be used.
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        schema: str = DEFAULT_SCHEMA,
        command_timeout: float = COMMAND_TIMEOUT,
        durability: str = "normal",
        connect_options: Mapping[str, Any] | None = None,
    ) -> None:
        require_positive(type(self).__name__, command_timeout=command_timeout)
        self.server = Server(
            url,
            schema=schema,
            timeout=command_timeout,
            durability=durability,
            options=connect_options or {},
        )
        self.may_create = True
        self._connections = PerLoop(lambda: Connections(self.server))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address}, schema={self.server.schema!r})"

    @property
    def connections(self) -> Connections:
        """The connections of the running event loop."""
        return self._connections.get()

    async def open(self) -> None:
        """Connect, and create or migrate the tables where that is needed and allowed.

        Raises:
            PostgresUnreachableError: the server can't be reached, or refuses the user.
            SchemaError: the tables are missing and may not be created, or are too new.
            PostgresRightsError: the role may not create them.
        """
        connection = self.connections.main
        await schema.ensure(connection, self.server, may_create=self.may_create)

    async def close(self) -> None:
        """Disconnect in this event loop; may be called twice."""
        connections = self._connections.pop()
        if connections is not None:
            await connections.close()

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Record]:
        """Run a statement over the connection for short calls, and return its rows."""
        return await self.connections.main.fetch(statement, *arguments)

    async def value(self, statement: str, *arguments: object) -> Any:
        """Run a statement and return the first value of its first row; None without rows."""
        return await self.connections.main.value(statement, *arguments)

    def notify(self, topic: str, payload: str = "") -> None:
        """Notify the listeners of a topic, in any process."""
        self.connections.notifier.notify(topic, payload)


def as_database(
    place: str | PostgresDatabase, options: DatabaseSettings
) -> tuple[PostgresDatabase, bool]:
    """Return a database, and whether it was made here, and so is to be closed by the caller."""
    if isinstance(place, PostgresDatabase):
        return place, False
    return PostgresDatabase(place, **options), True

"""HeldConnection: one connection that is opened when it is needed, and again when it is lost."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg

from taskiq_core.exceptions import TaskiqError
from taskiq_pgsql.errors import PostgresTimeoutError
from taskiq_pgsql.storage.error_mapping import ERRORS, as_ours, is_unreachable
from taskiq_pgsql.storage.server import Server

Record: TypeAlias = Any
"""A row: its values by the names of its columns, as in a mapping, and by their positions."""
_Outcome = TypeVar("_Outcome")


class HeldConnection:
    """Runs statements one after the other; each statement is prepared once.

    A call whose connection is lost fails, because it may have been performed; the next call opens
    another connection. A call whose caller is cancelled is performed all the same: to cancel it on
    the server would take another connection, and leave open whether it was performed.

    Args:
        server: opens connections, and knows the schema.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        # PostgreSQL runs one statement of a connection at a time.
        self._lock = asyncio.Lock()
        self._connection: Any = None
        self._prepared: dict[str, Any] | None = None
        self._has_timed_out = False
        # The event loop keeps only weak references to its tasks.
        self._calls: set[asyncio.Task[Any]] = set()

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Record]:
        """Run a statement and return its rows.

        Args:
            statement: with `{s}` in place of the schema.
            arguments: its parameters.

        Raises:
            PostgresUnreachableError: the server can't be reached; if the connection was lost
                meanwhile, the statement may have been performed.
            PostgresCommandError: the server refuses the statement.
        """
        return await self._uncancelled(self._fetch_in_turn(statement, arguments))

    async def value(self, statement: str, *arguments: object) -> Any:
        """Run a statement and return the first value of its first row; None without rows."""
        rows = await self.fetch(statement, *arguments)
        return rows[0][0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["HeldTransaction", None]:
        """Begin a transaction; other calls wait until it has ended."""
        async with self._lock:
            connection = await self._uncancelled(self.perform(self._connected))
            transaction = connection.transaction()
            try:
                await self._uncancelled(self.perform(transaction.start))
                yield HeldTransaction(self)
                await self._uncancelled(self.perform(transaction.commit))
            except TaskiqError:
                # One that was not begun, or whose commit failed, has nothing to roll back.
                if not connection.is_closed() and connection.is_in_transaction():
                    await self._uncancelled(self.perform(transaction.rollback))
                raise
            except BaseException:
                self._terminate()  # a statement may still be under way
                raise

    async def close(self) -> None:
        """Disconnect, when the calls under way have ended; a later call connects again."""
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is None or connection.is_closed():
                return
            try:
                await connection.close(timeout=self._server.timeout)
            except (*ERRORS, TimeoutError):
                connection.terminate()

    async def perform(self, call: Callable[[], Awaitable[_Outcome]]) -> _Outcome:
        """Return what a call of the connection returns, within the time limit, or our errors."""
        server = self._server
        self._has_timed_out = False
        timer = asyncio.get_running_loop().call_later(server.timeout, self._time_out)
        try:
            return await call()
        except ERRORS as error:
            if self._has_timed_out:
                raise PostgresTimeoutError(
                    address=server.address, timeout=server.timeout
                ) from error
            if is_unreachable(error):
                self._terminate()
            raise as_ours(error, address=server.address, schema=server.schema) from error
        except asyncio.CancelledError:  # the event loop ends, without a call of `close`
            self._terminate()
            raise
        finally:
            timer.cancel()

    async def fetch_at_once(self, statement: str, arguments: Sequence[object]) -> Sequence[Record]:
        """Run a statement for the transaction that holds the connection."""
        return await self._uncancelled(self.perform(lambda: self._fetch(statement, arguments)))

    async def run_script(self, statements: str) -> None:
        """Run several statements for the transaction that holds the connection."""
        await self._uncancelled(self.perform(lambda: self._script(statements)))

    async def _uncancelled(self, call: Coroutine[Any, Any, _Outcome]) -> _Outcome:
        task = asyncio.get_running_loop().create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return await asyncio.shield(task)

    async def _fetch_in_turn(self, statement: str, arguments: Sequence[object]) -> Sequence[Record]:
        async with self._lock:
            return await self.perform(lambda: self._fetch(statement, arguments))

    def _time_out(self) -> None:
        self._has_timed_out = True
        self._terminate()

    async def _fetch(self, statement: str, arguments: Sequence[object]) -> Sequence[Record]:
        connection = await self._connected()
        text = self._server.sql(statement)
        if self._prepared is None:
            rows: Sequence[Record] = await connection.fetch(text, *arguments)
            return rows
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = self._prepared[statement] = await connection.prepare(text)
        try:
            rows = await prepared.fetch(*arguments)
        except asyncpg.InvalidCachedStatementError:  # the table was altered
            prepared = self._prepared[statement] = await connection.prepare(text)
            rows = await prepared.fetch(*arguments)
        return rows

    async def _script(self, statements: str) -> None:
        connection = await self._connected()
        await connection.execute(self._server.sql(statements))

    async def _connected(self) -> Any:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection, is_pooled = await self._server.connect()
            self._connection = connection
            self._prepared = None if is_pooled else {}
        return connection

    def _terminate(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


class HeldTransaction:
    """A transaction of a held connection, rolled back if its block raises."""

    def __init__(self, connection: HeldConnection) -> None:
        self._connection = connection

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Record]:
        """Run a statement and return its rows; raises what `HeldConnection.fetch` does."""
        return await self._connection.fetch_at_once(statement, arguments)

    async def script(self, statements: str) -> None:
        """Run several statements without parameters."""
        await self._connection.run_script(statements)

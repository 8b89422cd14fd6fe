"""Transactions of others: a statement is run by the library of the program that has one open.

Libraries are known by the names of their classes, so that none is imported here.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from taskiq_pgsql.errors import TransactionError

PARAMETER: Final = "{p}"
"""Stands for the only parameter in a statement: each library has its own sign for it."""
Rows: TypeAlias = Sequence[Sequence[Any]]


class Executor(Protocol):
    """Runs statements in the transaction of a program, one after the other."""

    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run a statement with one parameter, and return its rows."""
        ...


class AsyncpgExecutor:
    """Of an asyncpg connection, or one of a pool."""

    def __init__(self, connection: Any) -> None:
        _require(
            connection.is_in_transaction(), connection, "`async with connection.transaction()`"
        )
        self._connection = connection

    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run it as a prepared statement."""
        rows: Rows = await self._connection.fetch(statement.replace(PARAMETER, "$1"), parameter)
        return rows


class PsycopgExecutor:
    """Of a connection of psycopg 3, in the event loop's own thread."""

    def __init__(self, connection: Any) -> None:
        _require_psycopg_transaction(connection)
        self._connection = connection

    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run it; blocks the event loop meanwhile, as this connection does."""
        cursor = self._connection.execute(statement.replace(PARAMETER, "%s"), (parameter,))
        return _tuples(cursor.fetchall(), cursor.description)


class AsyncPsycopgExecutor:
    """Of an asynchronous connection of psycopg 3."""

    def __init__(self, connection: Any) -> None:
        _require_psycopg_transaction(connection)
        self._connection = connection

    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run it."""
        cursor = await self._connection.execute(statement.replace(PARAMETER, "%s"), (parameter,))
        return _tuples(await cursor.fetchall(), cursor.description)


class SqlalchemyExecutor:
    """Of a session or connection of SQLAlchemy 2, asynchronous or not."""

    def __init__(self, connection: Any) -> None:
        engine = connection.get_bind() if hasattr(connection, "get_bind") else connection.engine
        if engine.dialect.name != "postgresql":
            reason = f"its database is {engine.dialect.name}, not PostgreSQL"
            raise TransactionError(connection=type(connection).__name__, reason=reason)
        is_open = engine.get_execution_options().get("isolation_level") != "AUTOCOMMIT"
        _require(is_open, connection, "another isolation level than AUTOCOMMIT")
        self._connection = connection

    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run it; SQLAlchemy has begun a transaction then, if there was none."""
        from sqlalchemy import text  # noqa: PLC0415  # only a program that has it comes here

        call = text(statement.replace(PARAMETER, ":parameter"))
        result = self._connection.execute(call, {"parameter": parameter})
        if asyncio.iscoroutine(result):
            result = await result
        rows: Rows = result.all()
        return rows


class DjangoExecutor:
    """Of a connection of Django, in the thread of the program that has it open."""

    def __init__(self, connection: Any) -> None:
        if connection.vendor != "postgresql":
            reason = f"its database is {connection.vendor}, not PostgreSQL"
            raise TransactionError(connection="DatabaseWrapper", reason=reason)
        self._alias = connection.alias

    async def fetch(self, statement: str, parameter: str) -> Rows:
        """Run it in the thread that called `async_to_sync`, or the main one."""
        from asgiref.sync import sync_to_async  # noqa: PLC0415  # Django brings it

        rows: Rows = await sync_to_async(self._run, thread_sensitive=True)(statement, parameter)
        return rows

    def _run(self, statement: str, parameter: str) -> Rows:
        from django.db import connections  # noqa: PLC0415  # only a program that has it comes here

        connection = connections[self._alias]  # of this thread
        _require(connection.in_atomic_block, connection, "`with transaction.atomic()`")
        with connection.cursor() as cursor:
            cursor.execute(statement.replace(PARAMETER, "%s"), [parameter])
            rows: Rows = cursor.fetchall()
        return rows


_EXECUTORS: Final[Mapping[str, Callable[[Any], Executor]]] = {
    "asyncpg.connection.Connection": AsyncpgExecutor,
    "asyncpg.pool.PoolConnectionProxy": AsyncpgExecutor,
    "psycopg.Connection": PsycopgExecutor,
    "psycopg.AsyncConnection": AsyncPsycopgExecutor,
    "sqlalchemy.orm.session.Session": SqlalchemyExecutor,
    "sqlalchemy.orm.scoping.scoped_session": SqlalchemyExecutor,
    "sqlalchemy.ext.asyncio.session.AsyncSession": SqlalchemyExecutor,
    "sqlalchemy.ext.asyncio.scoping.async_scoped_session": SqlalchemyExecutor,
    "sqlalchemy.engine.base.Connection": SqlalchemyExecutor,
    "sqlalchemy.ext.asyncio.engine.AsyncConnection": SqlalchemyExecutor,
    "django.utils.connection.ConnectionProxy": DjangoExecutor,
    "django.db.backends.base.base.BaseDatabaseWrapper": DjangoExecutor,
}


def executor_of(connection: Any) -> Executor:
    """Return what runs statements in the transaction of a connection or session.

    Raises:
        TransactionError: it is not of a known library, or has no transaction open.
    """
    for each in type(connection).__mro__:
        make = _EXECUTORS.get(f"{each.__module__}.{each.__qualname__}")
        if make is not None:
            return make(connection)
    reason = "it is not a connection or session of asyncpg, psycopg 3, SQLAlchemy 2 or Django"
    raise TransactionError(connection=type(connection).__name__, reason=reason)


def _require_psycopg_transaction(connection: Any) -> None:
    # Without autocommit psycopg begins a transaction by itself.
    is_open = not connection.autocommit or connection.info.transaction_status != 0
    _require(is_open, connection, "`connection.transaction()`")


def _require(is_open: bool, connection: Any, cure: str) -> None:
    if not is_open:
        reason = f"it has no transaction open, so each statement would be committed: use {cure}"
        raise TransactionError(connection=type(connection).__name__, reason=reason)


def _tuples(rows: Sequence[Any], description: Sequence[Any] | None) -> Rows:
    """Return rows as tuples: a program may have rows of another kind."""
    names = [column.name for column in description or ()]
    return [
        tuple(row[name] for name in names) if isinstance(row, Mapping) else tuple(row)
        for row in rows
    ]

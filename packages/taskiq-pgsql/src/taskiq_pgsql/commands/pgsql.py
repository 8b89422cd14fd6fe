"""`taskiq pgsql`: the tables are created, migrated, checked, or printed as SQL."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import click

from taskiq_core.exceptions import TaskiqError
from taskiq_pgsql.options import BROKER_URL, DEFAULT_SCHEMA, SCHEMES, read_url
from taskiq_pgsql.storage import schema as tables
from taskiq_pgsql.storage.database import PostgresDatabase
from taskiq_pgsql.storage.server import quoted

_DATABASE_OPTIONS = ("schema", "command_timeout", "durability")
_url = click.argument("url", envvar="TASKIQ_BROKER_URL")


@click.group()
def pgsql() -> None:
    """Create, migrate and check the tables of taskiq-pgsql.

    URL is that of the broker, such as postgresql://user@host/database?schema=taskiq. Without it,
    TASKIQ_BROKER_URL says which database is meant.
    """


@pgsql.command()
@_url
def migrate(url: str) -> None:
    """Create the tables, or migrate older ones; workers may run meanwhile."""

    async def run(database: PostgresDatabase) -> None:
        connection, server = database.connections.main, database.server
        await tables.version(connection, server)  # refuses tables that are too new
        count = await tables.migrate(connection, server)
        newest = len(tables.MIGRATIONS)
        done = f"{count} scripts were run" if count else "nothing was to be done"
        click.echo(f"{server.address}, schema {server.schema}: version {newest}, {done}")

    _run(url, run)


@pgsql.command()
@_url
def check(url: str) -> None:
    """Check that the tables are there and of this version; status 1 if not."""

    async def run(database: PostgresDatabase) -> None:
        server = database.server
        await tables.ensure(database.connections.main, server, may_create=False)
        newest = len(tables.MIGRATIONS)
        click.echo(f"{server.address}, schema {server.schema}: version {newest}, as it should be")

    _run(url, run)


@pgsql.command()
@click.option("--schema", default=DEFAULT_SCHEMA, show_default=True, help="Schema of the tables.")
@click.option(
    "--from-version",
    type=click.IntRange(0, len(tables.MIGRATIONS)),
    default=0,
    show_default=True,
    help="Version of the tables that are there; 0 for none.",
)
def sql(schema: str, from_version: int) -> None:
    """Print the SQL of `migrate`, for a database whose programs may not create tables."""
    script = tables.script_from(from_version).replace("{s}", quoted(schema))
    click.echo(f"BEGIN;\n{script}COMMIT;")


def _run(url: str, call: Callable[[PostgresDatabase], Coroutine[Any, Any, None]]) -> None:
    """Call a function with the database of a URL, and print an error as one line."""

    async def run() -> None:
        address, found = read_url(url, BROKER_URL)
        if address.partition("://")[0] not in SCHEMES:
            raise click.ClickException(f"the URL of a broker begins with {SCHEMES[0]}://")
        options = {name: found[name] for name in _DATABASE_OPTIONS if name in found}
        database = PostgresDatabase(address, **options)
        try:
            await call(database)
        finally:
            await database.close()

    try:
        asyncio.run(run())
    except TaskiqError as error:
        raise click.ClickException(str(error)) from error

"""`taskiq pgsql` creates, checks and prints the tables."""

import asyncio
import re

import pytest
from click.testing import CliRunner, Result

from taskiq_pgsql import PostgresBroker
from taskiq_pgsql.commands.pgsql import pgsql
from taskiq_pgsql.errors import SchemaError
from taskiq_testservers.postgres_server import PostgresServer


def taskiq_pgsql(*arguments: str) -> Result:
    return CliRunner().invoke(pgsql, arguments)


def test_tables_are_checked_created_and_checked_again(url: str) -> None:
    before = taskiq_pgsql("check", url)
    first, second = taskiq_pgsql("migrate", url), taskiq_pgsql("migrate", url)
    after = taskiq_pgsql("check", url)

    assert before.exit_code == 1
    assert "Create them with `taskiq pgsql migrate`" in before.output
    assert first.output.endswith("version 1, 1 scripts were run\n")
    assert second.output.endswith("version 1, nothing was to be done\n")
    assert (after.exit_code, after.output.endswith("as it should be\n")) == (0, True)


def test_the_printed_statements_make_tables_that_serve(
    shared_server: PostgresServer, url: str
) -> None:
    """Also in a schema whose name has to be quoted."""
    schema = 'a "schema", of ' + url.rpartition("=")[2]

    printed = taskiq_pgsql("sql", "--schema", schema)
    asyncio.run(shared_server.run(printed.output, "SELECT 1"))

    async def use() -> None:
        broker = PostgresBroker(shared_server.url(), schema=schema)
        broker.may_create = False
        async with broker:
            assert (await broker.stats()).waiting == 0

    asyncio.run(use())


async def test_tables_that_may_not_be_created_are_asked_for(url: str) -> None:
    broker = PostgresBroker.from_url(url)
    broker.may_create = False

    with pytest.raises(SchemaError, match="taskiq pgsql migrate"):
        await broker.startup()

    await broker.shutdown()


async def test_many_processes_may_create_the_tables_at_once(url: str) -> None:
    brokers = [PostgresBroker.from_url(url) for _ in range(8)]

    await asyncio.gather(*(broker.startup() for broker in brokers))

    assert await brokers[0].database.value("SELECT count(*) FROM {s}.schema_versions") == 1
    for broker in brokers:
        await broker.shutdown()


def test_a_url_of_another_broker_is_refused() -> None:
    done = taskiq_pgsql("check", "redis://localhost")

    assert done.exit_code == 1
    assert re.search("begins with postgresql://", done.output)


def test_tables_of_a_newer_version_are_refused_if_they_say_so(
    shared_server: PostgresServer, url: str
) -> None:
    """A version that only adds lets older packages go on."""
    assert taskiq_pgsql("migrate", url).exit_code == 0
    schema = url.rpartition("=")[2]

    asyncio.run(shared_server.run(f"INSERT INTO {schema}.schema_versions VALUES (2, 1)"))
    adds = taskiq_pgsql("check", url)
    asyncio.run(shared_server.run(f"INSERT INTO {schema}.schema_versions VALUES (3, 3)"))
    breaks = taskiq_pgsql("check", url)

    assert adds.exit_code == 0
    assert breaks.exit_code == 1
    assert "have version 3, this taskiq-pgsql knows versions up to 1" in breaks.output

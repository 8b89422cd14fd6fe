"""The README is true: its program runs, its tables list all options and tables."""

import inspect
import re
from pathlib import Path
from typing import Any, get_type_hints

from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from taskiq_pgsql import PostgresBroker, PostgresDatabase, PostgresScheduleSource
from taskiq_pgsql.options import BROKER_URL
from taskiq_pgsql.storage.database import DatabaseSettings
from taskiq_testservers.commands import run_beside_worker
from taskiq_testservers.postgres_server import PostgresServer

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def options() -> dict[str, inspect.Parameter]:
    own = dict(inspect.signature(PostgresBroker).parameters)
    del own["options"]
    of_database = inspect.signature(PostgresDatabase).parameters
    return {**own, **{name: of_database[name] for name in get_type_hints(DatabaseSettings)}}


def test_the_program_runs_with_a_worker(tmp_path: Path, url: str) -> None:
    program = SNIPPETS[0].replace("PostgresBroker(os", "PostgresBroker.from_url(os")
    (tmp_path / "app.py").write_text(program)

    assert run_beside_worker(tmp_path, DATABASE_URL=url) == "3\n"


def test_the_snippet_about_schedules_runs(url: str) -> None:
    namespace: dict[str, Any] = {"broker": PostgresBroker.from_url(url)}

    exec(compile(SNIPPETS[2], "README.md", "exec"), namespace)

    assert isinstance(namespace["source"], PostgresScheduleSource)


async def test_the_snippet_about_transactions_runs(shared_server: PostgresServer, url: str) -> None:
    engine = create_async_engine(shared_server.url().replace("postgresql", "postgresql+asyncpg", 1))
    async with PostgresBroker.from_url(url) as broker:

        async def add(first: int, second: int) -> int:
            return first + second

        namespace: dict[str, Any] = {"broker": broker, "add": broker.register_task(add)}
        exec(compile(SNIPPETS[1], "README.md", "exec"), namespace)

        async with AsyncSession(engine) as session:
            await namespace["sign_up"](session, 1)

        assert (await broker.stats()).waiting == 1
    await engine.dispose()


def test_the_table_lists_every_option() -> None:
    [table] = re.findall(r"\| option \|.*?\n\n", README, re.DOTALL)

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(options())


def test_defaults_in_the_table_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d .]+) \|", README, re.MULTILINE))

    assert len(rows) == 5
    for name, text in rows.items():
        assert float(text.replace(" ", "")) == options()[name].default, name


def test_urls_take_options_of_the_broker() -> None:
    assert set(BROKER_URL) <= set(options())


async def test_every_table_is_explained(shared_server: PostgresServer, url: str) -> None:
    async with PostgresBroker.from_url(url) as broker:
        schema = broker.database.server.schema
        rows = await broker.database.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema
        )

    [table] = re.findall(r"\| table \| a row is.*?\n\n", README, re.DOTALL)
    lines = (line.split("|")[1] for line in table.splitlines()[2:] if line)
    assert sorted(name for line in lines for name in re.findall(r"`(\w+)`", line)) == sorted(
        row["tablename"] for row in rows
    )


async def test_the_rights_of_the_readme_are_enough(shared_server: PostgresServer, url: str) -> None:
    """A role that may only use the schema sends, runs and waits; it can't create anything."""
    async with PostgresBroker.from_url(url) as owner:
        schema = owner.database.server.schema
    [grants] = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    role = f"role_of_{schema}"
    grants = grants.replace("SCHEMA taskiq", f"SCHEMA {schema}").replace("TO app", f"TO {role}")
    await shared_server.run(f"CREATE ROLE {role} LOGIN", grants, "SELECT 1")

    broker = PostgresBroker(shared_server.url(user=role), schema=schema)
    broker.register_task(_double, task_name="double")
    async with broker:
        listening = broker.listen()
        task = await broker.find_task("double").kicker().kiq(1)  # type: ignore[union-attr]
        delivery = await anext(listening)
        assert delivery.task_id == task.task_id
        await delivery.ack()
        await listening.aclose()
        assert (await broker.stats()).delivered == 0


async def _double(number: int) -> int:
    return 2 * number

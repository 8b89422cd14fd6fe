"""The README is true: its program runs, its tables list all options."""

import inspect
import re
import sqlite3
from pathlib import Path
from typing import Any, get_type_hints

from taskiq_sqlite import SQLiteBroker, SQLiteScheduleSource
from taskiq_sqlite.options import BROKER_URL
from taskiq_sqlite.storage.database import Database, DatabaseSettings
from taskiq_sqlite.storage.schema import migrate
from taskiq_testservers.commands import run_beside_worker

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def options() -> dict[str, inspect.Parameter]:
    own = dict(inspect.signature(SQLiteBroker).parameters)
    del own["options"]
    of_database = inspect.signature(Database).parameters
    return {**own, **{name: of_database[name] for name in get_type_hints(DatabaseSettings)}}


def test_the_program_runs_with_a_worker(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SNIPPETS[0])

    assert run_beside_worker(tmp_path) == "3\n"


def test_the_snippet_about_schedules_runs(path: Path) -> None:
    namespace: dict[str, Any] = {"broker": SQLiteBroker(path)}

    exec(compile(SNIPPETS[1], "README.md", "exec"), namespace)

    assert isinstance(namespace["source"], SQLiteScheduleSource)


def test_the_queries_run() -> None:
    [queries] = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "memory")

    found = [connection.execute(each).description for each in queries.strip().splitlines()]

    assert found
    assert all(columns is not None for columns in found), "each is a query"
    connection.close()


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

"""Results of later deliveries stay."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from taskiq_sqlite import SQLiteResultBackend
from taskiq_sqlite.storage.result_rows import StoredResult, get_results, set_results
from taskiq_sqlite.storage.transaction import Transaction
from taskiq_testservers.sqlite_files import result


class TestFences:
    async def test_an_earlier_delivery_does_not_overwrite_a_later_one(
        self, backend: SQLiteResultBackend[Any]
    ) -> None:
        await backend.set_result("a", result("new", fence=8))
        await backend.set_result("a", result("old", fence=7))
        assert (await backend.get_result("a")).return_value == "new"

        await backend.set_result("a", result("same", fence=8))
        assert (await backend.get_result("a")).return_value == "same"

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.lists(
                st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.integers(1, 4))),
                max_size=5,
            ),
            max_size=4,
        )
    )
    def test_however_they_come_together(self, batches: list[list[tuple[str, int | None]]]) -> None:
        """A batch is one transaction; the rule is the same as one by one."""
        transaction = Transaction(_fresh_connection(), 1.0)
        expected: dict[str, tuple[int | None, bytes]] = {}
        number = 0
        for batch in batches:
            items = []
            for task_id, fence in batch:
                number += 1
                body = str(number).encode()
                items.append(StoredResult(task_id, body, fence, None))
                stored = expected.get(task_id, (None, b""))[0]
                if stored is None or fence is None or fence >= stored:
                    expected[task_id] = (fence, body)
            set_results(transaction, items)

        found = get_results(transaction, ["a", "b"])

        assert found == [expected.get(key, (None, None))[1] for key in "ab"]


def _fresh_connection() -> Any:
    import sqlite3

    from taskiq_sqlite.storage.schema import migrate

    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "memory")
    return connection

"""Results in a file: stored, pushed, replaced, expired."""

import asyncio
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskiq_core.exceptions import ResultGetError
from taskiq_core.messages.labels import FENCE
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_sqlite import Database, ResultMissingError, SQLiteResultBackend
from taskiq_sqlite.keeping import CLEANED, StoredResult, clean, get_results, set_results
from taskiq_sqlite.transaction import Transaction
from taskiq_testservers.sqlite_workers import PATIENCE, store_elsewhere


@pytest.fixture
async def backend(path: Path) -> Any:
    backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path, poll_interval=60.0)
    yield backend
    await backend.shutdown()


def result(value: Any, fence: int | None = None, **fields: Any) -> TaskiqResult[Any]:
    labels = {} if fence is None else {FENCE: fence}
    return TaskiqResult(
        is_err=False, return_value=value, execution_time=0.5, labels=labels, **fields
    )


class TestKeeping:
    async def test_what_is_stored_is_read(self, backend: SQLiteResultBackend[Any]) -> None:
        assert not await backend.is_result_ready("a")

        await backend.set_result("a", result({"x": [1, None]}, log="said"))

        assert await backend.is_result_ready("a")
        assert (await backend.get_result("a")).return_value == {"x": [1, None]}
        assert (await backend.get_result("a")).log is None
        assert (await backend.get_result("a", with_logs=True)).log == "said"

    async def test_errors_are_rebuilt(self, backend: SQLiteResultBackend[Any]) -> None:
        failed: TaskiqResult[Any] = TaskiqResult(
            is_err=True, return_value=None, execution_time=0, error=ValueError("no")
        )

        await backend.set_result("a", failed)

        assert isinstance((await backend.get_result("a")).error, ValueError)

    async def test_none_is_an_error(self, backend: SQLiteResultBackend[Any]) -> None:
        with pytest.raises(ResultMissingError, match="no result of task a"):
            await backend.get_result("a")

    async def test_what_can_not_be_serialized_is_refused(
        self, backend: SQLiteResultBackend[Any]
    ) -> None:
        with pytest.raises(ValueError, match="serialize"):
            await backend.set_result("a", result(object()))

    async def test_another_serializer(self, path: Path) -> None:
        backend: SQLiteResultBackend[Any]
        backend = SQLiteResultBackend(path, serializer=JSONSerializer())

        await backend.set_result("a", result(3))

        assert (await backend.get_result("a")).return_value == 3
        await backend.shutdown()

    async def test_bytes_of_another_serializer_are_an_error(
        self, backend: SQLiteResultBackend[Any]
    ) -> None:
        await backend.database.write(set_results, StoredResult("a", b"\xff", None, None))

        with pytest.raises(ResultGetError):
            await backend.get_result("a")

    async def test_progress(self, backend: SQLiteResultBackend[Any]) -> None:
        assert await backend.get_progress("a") is None

        for state in ("STARTED", "half"):
            await backend.set_progress("a", TaskProgress(state=state, meta={"n": 1}))

        progress = await backend.get_progress("a")
        assert progress is not None
        assert (progress.state, progress.meta) == ("half", {"n": 1})


class TestExpiry:
    async def test_expired_ones_are_not_read_and_then_deleted(self, path: Path) -> None:
        database = Database(path)
        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(database, result_ttl=1e-6)
        lasting: SQLiteResultBackend[Any] = SQLiteResultBackend(database, result_ttl=None)
        await backend.set_result("a", result(1))
        await backend.set_progress("a", TaskProgress(state="s", meta=None))
        await lasting.set_result("b", result(2))

        assert not await backend.is_result_ready("a")
        assert await backend.get_progress("a") is None
        with pytest.raises(ResultMissingError):
            await backend.get_result("a")
        assert await database.write(clean, CLEANED) == 2
        assert await backend.is_result_ready("b")
        await database.close()

    async def test_one_that_expired_may_be_replaced(self, path: Path) -> None:
        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path, result_ttl=1e-6)
        await backend.set_result("a", result(1))
        backend.result_ttl = 100

        await backend.set_result("a", result(2))

        assert (await backend.get_result("a")).return_value == 2
        await backend.shutdown()


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

    from taskiq_sqlite.schema import migrate

    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, "memory")
    return connection


class TestWaiting:
    async def test_for_what_is_there(self, backend: SQLiteResultBackend[Any]) -> None:
        await backend.set_result("a", result(1))

        assert (await backend.wait("a")).return_value == 1

    async def test_many_are_woken_each_with_its_own(
        self, backend: SQLiteResultBackend[Any]
    ) -> None:
        waiting = [asyncio.create_task(backend.wait(str(n))) for n in range(100)]
        await asyncio.sleep(0)
        for number in reversed(range(100)):
            await backend.set_result(str(number), result(number))

        async with asyncio.timeout(PATIENCE):
            got = await asyncio.gather(*waiting)

        assert [each.return_value for each in got] == list(range(100))

    async def test_another_process_wakes_us(
        self, path: Path, backend: SQLiteResultBackend[Any]
    ) -> None:
        """With a poll interval of a minute, nothing but a ring can do it in time."""
        waiting = asyncio.create_task(backend.wait("a"))
        await backend.is_result_ready("a")
        process = multiprocessing.get_context("spawn").Process(target=store_elsewhere, args=(path,))

        process.start()

        async with asyncio.timeout(PATIENCE):
            assert (await waiting).return_value == "from elsewhere"
        await asyncio.to_thread(process.join)

    async def test_without_pipes_it_is_found_by_polling(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("taskiq_sqlite.listening.HAS_PIPES", False)
        monkeypatch.setattr("taskiq_sqlite.ringing.HAS_PIPES", False)
        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path, poll_interval=0.02)
        other: SQLiteResultBackend[Any] = SQLiteResultBackend(path)
        waiting = asyncio.create_task(backend.wait("a"))
        await backend.is_result_ready("a")

        await other.set_result("a", result(1))

        async with asyncio.timeout(PATIENCE):
            assert (await waiting).return_value == 1
        assert not path.with_name("tasks.db-wake").exists()
        await backend.shutdown()
        await other.shutdown()

    async def test_a_caller_who_gives_up_leaves_the_others(
        self, backend: SQLiteResultBackend[Any]
    ) -> None:
        first, second = (asyncio.create_task(backend.wait("a")) for _ in range(2))
        await backend.is_result_ready("a")
        first.cancel()
        await asyncio.wait({first})

        await backend.set_result("a", result(1))

        async with asyncio.timeout(PATIENCE):
            assert (await second).return_value == 1

    async def test_goes_on_after_a_shutdown(self, backend: SQLiteResultBackend[Any]) -> None:
        waiting = asyncio.create_task(backend.wait("a"))
        await backend.is_result_ready("a")

        await backend.shutdown()
        await backend.set_result("a", result(1))

        async with asyncio.timeout(PATIENCE):
            assert (await waiting).return_value == 1

    def test_in_one_event_loop_after_another(self, path: Path) -> None:
        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path)

        async def wait(task_id: str) -> Any:
            waiting = asyncio.create_task(backend.wait(task_id))
            await asyncio.sleep(0)
            await backend.set_result(task_id, result(task_id))
            return (await waiting).return_value

        assert [asyncio.run(wait(task_id)) for task_id in "ab"] == ["a", "b"]
        asyncio.run(backend.shutdown())

    async def test_an_error_of_the_file_reaches_who_waits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from taskiq_sqlite import DatabaseError

        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(tmp_path / "d.db")
        waiting = asyncio.create_task(backend.wait("a"))
        await backend.is_result_ready("a")

        def fails(*args: object) -> Any:
            raise DatabaseError(address="d.db", reason="on purpose")

        monkeypatch.setattr("taskiq_sqlite.watching.news_after", fails)
        await backend.set_result("b", result(1))

        async with asyncio.timeout(PATIENCE):
            with pytest.raises(DatabaseError, match="on purpose"):
                await waiting
        await backend.shutdown()


def test_options_out_of_range_are_refused(path: Path) -> None:
    for options in ({"result_ttl": 0}, {"poll_interval": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            SQLiteResultBackend(path, **options)

"""Callers that wait for results are woken, whichever process stores them."""

import asyncio
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from taskiq_sqlite import SQLiteResultBackend
from taskiq_testservers.sqlite_files import result
from taskiq_testservers.sqlite_workers import PATIENCE, store_elsewhere


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
        """With a poll interval of a minute, nothing but a notification can do it in time."""
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
        monkeypatch.setattr("taskiq_sqlite.storage.notify.HAS_PIPES", False)
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

        monkeypatch.setattr("taskiq_sqlite.result_waiter.results_after", fails)
        await backend.set_result("b", result(1))

        async with asyncio.timeout(PATIENCE):
            with pytest.raises(DatabaseError, match="on purpose"):
                await waiting
        await backend.shutdown()

"""Results are kept until they expire."""

from pathlib import Path
from typing import Any

import pytest

from taskiq_core.exceptions import ResultGetError
from taskiq_core.messages.progress import TaskProgress
from taskiq_core.messages.result import TaskiqResult
from taskiq_core.serializers.json_serializer import JSONSerializer
from taskiq_sqlite import Database, ResultMissingError, SQLiteResultBackend
from taskiq_sqlite.storage.maintenance import CLEANED, delete_expired
from taskiq_sqlite.storage.result_rows import StoredResult, set_results
from taskiq_testservers.sqlite_files import result


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
        assert await database.write(delete_expired, CLEANED) == 2
        assert await backend.is_result_ready("b")
        await database.close()

    async def test_one_that_expired_may_be_replaced(self, path: Path) -> None:
        backend: SQLiteResultBackend[Any] = SQLiteResultBackend(path, result_ttl=1e-6)
        await backend.set_result("a", result(1))
        backend.result_ttl = 100

        await backend.set_result("a", result(2))

        assert (await backend.get_result("a")).return_value == 2
        await backend.shutdown()


def test_options_out_of_range_are_refused(path: Path) -> None:
    for options in ({"result_ttl": 0}, {"poll_interval": 0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            SQLiteResultBackend(path, **options)

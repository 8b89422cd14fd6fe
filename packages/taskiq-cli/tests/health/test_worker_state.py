"""The state files of workers, and what is written into them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from taskiq_cli.health.worker_state_file import read_worker_state, write_worker_state
from taskiq_cli.health.worker_state_writer import WorkerStateWriter
from taskiq_core.worker_report import WorkerReport, WorkerState


def test_state_file_is_replaced(tmp_path: Path) -> None:
    assert read_worker_state(str(tmp_path), "worker-0") is None

    write_worker_state(str(tmp_path), "worker-0", {"n": 1})
    write_worker_state(str(tmp_path), "worker-0", {"n": 2})

    assert read_worker_state(str(tmp_path), "worker-0") == {"n": 2}
    assert len(list(tmp_path.iterdir())) == 1


class Reporter:
    """As much of a receiver as a state writer needs."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def report(self) -> WorkerReport:
        return WorkerReport(WorkerState.DEGRADED, self._reason, "SomeBroker", 3, 1, 2, None)


async def test_reasons_tell_no_passwords_and_are_short(tmp_path: Path) -> None:
    """Anybody who reaches the address may read them."""
    reporter: Any = Reporter(f"OSError: redis://me:hunter2@host:6379 is away {'.' * 1000}")
    writing = asyncio.create_task(
        WorkerStateWriter(str(tmp_path), "worker-0").keep_writing(reporter, asyncio.Event())
    )
    await asyncio.sleep(0)
    writing.cancel()

    found = read_worker_state(str(tmp_path), "worker-0")

    assert found is not None
    assert found["reason"].startswith("OSError: redis://***@host:6379 is away ...")
    assert len(found["reason"]) == 500
    assert (found["slots_total"], found["slots_free"], found["running_tasks"]) == (3, 1, 2)


async def test_state_that_cannot_be_written_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = WorkerStateWriter(str(tmp_path / "not there"), "worker-0")

    writer.write_start()
    writer.write_start()

    assert caplog.text.count("can't be written down") == 1

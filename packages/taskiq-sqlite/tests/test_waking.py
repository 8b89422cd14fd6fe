"""Waiting and ringing, pipe by pipe."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from taskiq_sqlite.listening import Listeners, wake_folder
from taskiq_sqlite.ringing import Ringer
from taskiq_sqlite.transaction import Topic
from taskiq_testservers.sqlite_workers import PATIENCE

MINUTES = 1_000.0


@pytest.fixture
def here(path: Path) -> Listeners:
    path.touch()
    return Listeners(path)


@pytest.fixture
def elsewhere(path: Path) -> Any:
    """Rings as another process does: knows none of our listeners."""
    ringer = Ringer(path, Listeners(path))
    yield ringer
    ringer.hang_up()


def names(path: Path) -> set[str]:
    return {each.name for each in wake_folder(path).iterdir()}


async def test_a_ring_before_the_wait_is_not_missed(here: Listeners, elsewhere: Ringer) -> None:
    with here.listen(Topic.MESSAGES) as listener:
        listener.clear()
        elsewhere.ring({Topic.MESSAGES})

        await asyncio.wait_for(listener.wait(MINUTES), PATIENCE)


async def test_only_its_topic_wakes(here: Listeners, elsewhere: Ringer, path: Path) -> None:
    with here.listen(Topic.MESSAGES) as messages, here.listen(Topic.RESULTS) as results:
        waiting = asyncio.create_task(messages.wait(MINUTES))
        for ringer in (elsewhere, Ringer(path, here)):
            ringer.ring({Topic.RESULTS})
        await asyncio.wait_for(results.wait(MINUTES), PATIENCE)

        assert not waiting.done()
        elsewhere.ring({Topic.MESSAGES})
        await asyncio.wait_for(waiting, PATIENCE)


async def test_cleared_is_quiet(here: Listeners, elsewhere: Ringer, path: Path) -> None:
    with here.listen(Topic.MESSAGES) as listener:
        for _ in range(70_000):  # more than a pipe holds
            elsewhere.ring({Topic.MESSAGES})
        Ringer(path, here).ring({Topic.MESSAGES})
        listener.clear()

        waiting = asyncio.create_task(listener.wait(MINUTES))
        await asyncio.sleep(0.01)

        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_waits_no_longer_than_it_should(here: Listeners) -> None:
    with here.listen(Topic.MESSAGES) as listener:
        await asyncio.wait_for(listener.wait(0.01), PATIENCE)


async def test_leaves_no_pipe_behind(here: Listeners, path: Path) -> None:
    with here.listen(Topic.MESSAGES) as listener:
        assert names(path) == {listener.name}
    assert names(path) == set()


async def test_a_pipe_whose_reader_has_gone_is_removed(here: Listeners, path: Path) -> None:
    ringer = Ringer(path, Listeners(path))
    with here.listen(Topic.MESSAGES) as listener:
        ringer.ring({Topic.MESSAGES})
        left_open = wake_folder(path) / listener.name
        kept = left_open.with_name("messages-kept")
        os.link(left_open, kept)  # as if its process had been killed

    ringer.ring({Topic.MESSAGES})

    assert names(path) == set()
    ringer.hang_up()


async def test_a_process_without_free_files_removes_nobodys_pipe(
    here: Listeners, elsewhere: Ringer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with here.listen(Topic.MESSAGES) as listener:
        with monkeypatch.context() as patch:
            patch.setattr("taskiq_sqlite.ringing.os.open", fails)
            elsewhere.ring({Topic.MESSAGES})

        assert names(path) == {listener.name}

"""Notifications, pipe by pipe."""

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from taskiq_sqlite import SQLiteBroker
from taskiq_sqlite.storage.notify import LocalWakeups, Notifier, wake_folder
from taskiq_sqlite.storage.transaction import Topic
from taskiq_testservers.sqlite_workers import PATIENCE, message, until

MINUTES = 1_000.0


@pytest.fixture
def here(path: Path) -> LocalWakeups:
    path.touch()
    return LocalWakeups(path)


@pytest.fixture
def elsewhere(path: Path) -> Any:
    """Notifies as another process does, which does not know our wakeups."""
    notifier = Notifier(path, LocalWakeups(path))
    yield notifier
    notifier.close()


def names(path: Path) -> set[str]:
    return {each.name for each in wake_folder(path).iterdir()}


async def test_a_notification_before_the_wait_is_not_missed(
    here: LocalWakeups, elsewhere: Notifier
) -> None:
    with here.wakeup(Topic.MESSAGES) as wakeup:
        wakeup.clear()
        elsewhere.notify({Topic.MESSAGES})

        await asyncio.wait_for(wakeup.wait(MINUTES), PATIENCE)


async def test_only_its_topic_wakes(here: LocalWakeups, elsewhere: Notifier, path: Path) -> None:
    with here.wakeup(Topic.MESSAGES) as messages, here.wakeup(Topic.RESULTS) as results:
        waiting = asyncio.create_task(messages.wait(MINUTES))
        for notifier in (elsewhere, Notifier(path, here)):
            notifier.notify({Topic.RESULTS})
        await asyncio.wait_for(results.wait(MINUTES), PATIENCE)

        assert not waiting.done()
        elsewhere.notify({Topic.MESSAGES})
        await asyncio.wait_for(waiting, PATIENCE)


async def test_cleared_is_quiet(here: LocalWakeups, elsewhere: Notifier, path: Path) -> None:
    with here.wakeup(Topic.MESSAGES) as wakeup:
        for _ in range(70_000):  # more than a pipe holds
            elsewhere.notify({Topic.MESSAGES})
        Notifier(path, here).notify({Topic.MESSAGES})
        wakeup.clear()

        waiting = asyncio.create_task(wakeup.wait(MINUTES))
        await asyncio.sleep(0.01)

        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait({waiting})


async def test_waits_no_longer_than_it_should(here: LocalWakeups) -> None:
    with here.wakeup(Topic.MESSAGES) as wakeup:
        await asyncio.wait_for(wakeup.wait(0.01), PATIENCE)


async def test_leaves_no_pipe_behind(here: LocalWakeups, path: Path) -> None:
    with here.wakeup(Topic.MESSAGES) as wakeup:
        assert names(path) == {wakeup.name}
    assert names(path) == set()


async def test_a_pipe_whose_reader_has_gone_is_removed(here: LocalWakeups, path: Path) -> None:
    notifier = Notifier(path, LocalWakeups(path))
    with here.wakeup(Topic.MESSAGES) as wakeup:
        notifier.notify({Topic.MESSAGES})
        left_open = wake_folder(path) / wakeup.name
        kept = left_open.with_name("messages-kept")
        os.link(left_open, kept)  # as if its process had been killed

    notifier.notify({Topic.MESSAGES})

    assert names(path) == set()
    notifier.close()


async def test_a_process_without_free_files_removes_nobodys_pipe(
    here: LocalWakeups, elsewhere: Notifier, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    with here.wakeup(Topic.MESSAGES) as wakeup:
        with monkeypatch.context() as patch:
            patch.setattr("taskiq_sqlite.storage.notify.os.open", fails)
            elsewhere.notify({Topic.MESSAGES})

        assert names(path) == {wakeup.name}


async def test_pipes_of_dead_processes_are_removed(path: Path) -> None:
    broker = SQLiteBroker(path)
    await broker.kick(message())
    folder = path.with_name("tasks.db-wake")
    folder.mkdir()
    os.mkfifo(folder / "messages-1-dead")
    (folder / "messages-no-pipe").touch()

    await broker.kick(message())

    await until(lambda: {each.name for each in folder.iterdir()} == {"messages-no-pipe"})
    await broker.shutdown()

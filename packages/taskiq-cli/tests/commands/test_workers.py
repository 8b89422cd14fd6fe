"""`taskiq workers` and `taskiq top`."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from taskiq_core.messages.history import MinuteCounters
from taskiq_core.messages.worker_record import RunningTask
from taskiq_testservers.operator_project import OperatorProject, make_record

RUNNING = RunningTask(
    task_id="t1",
    task_name="mail",
    attempt=2,
    started_at=datetime.now(UTC) - timedelta(days=5),
)


def test_workers_of_all_machines(store: OperatorProject) -> None:
    store.announce(
        make_record("a", queues=["mails"], running=[RUNNING], running_count=1, tasks_done=7),
        make_record("b", host="server-2", slots_total=None),
    )

    text = store.run("workers").out
    objects = store.run("workers", "--json").json

    rows = [line.split() for line in text.splitlines()]
    assert rows[1][:9] == ["a", "server-1", "4102", "running", "mails", "1", "of", "100", "7"]
    assert rows[2][:8] == ["b", "server-2", "4102", "running", "-", "0", "of", "-"]
    assert "48 MiB" in text
    assert rows[4] == ["RUNNING", "TASK", "TASK", "ID", "WORKER", "ATTEMPT", "FOR"]
    assert rows[5] == ["mail", "t1", "a", "2", "5", "d"]
    assert [each["worker_id"] for each in objects["workers"]] == ["a", "b"]
    assert objects["differing_versions"] == {}


def test_differing_versions_are_marked(store: OperatorProject) -> None:
    old, new = {"taskiq-core": "1.0.0"}, {"taskiq-core": "1.1.0"}
    store.announce(
        make_record("a", versions=new),
        make_record("b", versions=old),
        make_record("c", versions=new),
    )

    text = store.run("workers").out
    objects = store.run("workers", "--json").json

    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["a", "b*", "c"]
    assert "* Versions of taskiq-core differ: 1.1.0 on a, c; 1.0.0 on b" in text
    assert objects["differing_versions"] == {"taskiq-core": {"1.1.0": ["a", "c"], "1.0.0": ["b"]}}


def test_workers_of_one_queue(store: OperatorProject) -> None:
    store.kick("mail", task_id="1", queue_name="mails")
    store.kick("mail", task_id="2", queue_name="idle")
    store.announce(make_record("a", queues=["mails"]), make_record("b", queues=["default"]))

    mails = store.run("workers", "--queue", "mails", "--json").json["workers"]
    idle = store.run("workers", "--queue", "idle")

    assert [each["worker_id"] for each in mails] == ["a"]
    assert idle.out == "No worker listens to that queue.\n"


def test_no_workers(store: OperatorProject) -> None:
    assert store.run("workers").out == "There are no workers.\n"


def test_top_prints_once_without_a_terminal(store: OperatorProject) -> None:
    store.kick("mail", task_id="1")
    store.announce(make_record("a", running=[RUNNING], running_count=1))
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    store.remember(counters=[MinuteCounters(minute=minute, task_name="mail", started=10)])

    text = store.run("top")
    objects = store.run("top", "--json", "--since", "10m").json

    headers = [line.split()[0] for line in text.out.splitlines() if line and line[0].isupper()]
    assert headers == ["QUEUE", "WORKER", "RUNNING", "TASK"], text
    assert objects["queues"][0]["waiting"] == 1
    assert objects["workers"][0]["running"][0]["task_id"] == "t1"
    assert objects["rates"][0]["per_minute"] == 1.0


def test_top_on_a_terminal_shows_what_changes(store: OperatorProject) -> None:
    """A task that is sent while it runs is seen; Ctrl-C ends it as it should."""
    ours, theirs = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-P", "-m", "taskiq_cli", "top", "--interval", "0.1"],
        cwd=store.folder,
        env={**store.env, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        seen = _read_until(ours, "QUEUE")
        store.kick("mail", task_id="1", queue_name="brand-new")
        seen = _read_until(ours, "brand-new")
        command.send_signal(2)
        _read_until(ours, "\x1b[?1049l")
        assert command.wait(20) == 0, seen
    finally:
        command.kill()
        command.wait()
        os.close(ours)


def _read_until(descriptor: int, text: str) -> str:
    seen = ""
    while text not in seen:
        seen += os.read(descriptor, 65_536).decode()
    return seen

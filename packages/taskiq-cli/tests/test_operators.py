"""`taskiq queue`, `dead`, `abort` and `result`, on a broker in a file, with real workers."""

import base64
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.cli_project import Command, Project, Ran, until

URL = "sqlite:///tasks.db"


class Shop(Project):
    """A project whose application has a durable broker."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        shutil.copy(Path(__file__).parent / "shop.txt", folder / "shop.py")
        self.files.mkdir()

    def sent(self, task: str, count: int = 1) -> list[str]:
        """Send a task so many times; the ids."""
        done = subprocess.run(
            [sys.executable, "shop.py", task, str(count)],
            cwd=self.folder,
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.split()

    def worker(self) -> Command:
        return self.start("worker", "shop:broker", "-w", "1")

    def finished(self, task_id: str) -> Ran:
        """What `taskiq result` says as soon as there is a result."""

        def ask() -> Ran | None:
            ran = self.run("result", task_id, URL, "--json")
            return ran if ran.json["state"] in ("done", "failed") else None

        return until(ask, f"the result of {task_id}")

    def buried(self, count: int) -> list[str]:
        """Have so many letters buried, by a worker that has left again; their ids."""
        sent = self.sent("reject", count)
        command = self.worker()
        for task_id in sent:
            self.finished(task_id)
        assert command.stop() == 0
        return [letter["letter_id"] for letter in self.run("dead", "list", URL, "--json").json]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "project")
    yield shop
    shop.clean_up()


# -- taskiq queue ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue", "shop:broker", "stats"],
        ["queue", "stats", "shop:broker"],
        ["queue", URL, "stats"],
        ["queue", "stats", URL, "--app-dir", "."],
        ["queue", "stats"],
    ],
)
def test_stats_of_a_path_a_url_or_the_project(shop: Shop, arguments: list[str]) -> None:
    """The path stands before or after the verb, or in pyproject.toml."""
    shop.write("pyproject.toml", "[tool.taskiq]\nbroker = 'shop:broker'\n")
    shop.sent("add", 3)

    ran = shop.run(*arguments)

    assert ran.exit_code == 0, ran
    assert [line.split() for line in ran.out.splitlines()[:5]] == [
        ["STATE", "MESSAGES"],
        ["waiting", "3"],
        ["delivered", "0"],
        ["delayed", "0"],
        ["dead", "0"],
    ]
    found = shop.run(*arguments, "--json").json
    assert set(found) == {"waiting", "delivered", "delayed", "dead", "oldest_age", "is_paused"}
    assert (found["waiting"], found["is_paused"]) == (3, False)


def test_purge_asks_first(shop: Shop) -> None:
    """Nobody can answer here: nothing is dropped."""
    shop.sent("add", 2)

    ran = shop.run("queue", "shop:broker", "purge")

    assert ran.exit_code == 1
    assert "2 waiting and 0 delayed messages" in ran.err
    assert "Aborted!" in ran.err
    assert shop.run("queue", URL, "stats", "--json").json["waiting"] == 2


def test_purge(shop: Shop) -> None:
    shop.sent("add", 2)

    first = shop.run("queue", "shop:broker", "purge", "--yes")
    second = shop.run("queue", URL, "purge", "--yes", "--json")

    assert (first.exit_code, first.out) == (0, "Messages dropped: 2\n")
    assert (second.exit_code, second.json) == (0, {"purged": 0})


# -- taskiq dead ----------------------------------------------------------------------------------


def test_list_of_dead_letters_page_by_page(shop: Shop) -> None:
    shop.buried(3)

    first = shop.run("dead", "list", "shop:broker", "--limit", "2")
    second = shop.run("dead", URL, "list", "--limit", "2", "--offset", "2", "--json")
    third = shop.run("dead", "list", URL, "--offset", "3")

    rows = first.out.splitlines()
    assert rows[0].split() == ["ID", "TASK", "TASK", "ID", "ATTEMPT", "BURIED", "AT", "REASON"]
    assert len(rows) == 3
    assert "rejected by the task" in rows[1]
    assert "There are more: --offset 2" in first.err
    assert [letter["task_name"] for letter in second.json] == ["reject"]
    assert (second.json[0]["attempt"], second.err) == (1, "")
    assert third.out == "There are no more.\n"


def test_dead_letter_with_all_that_is_known(shop: Shop) -> None:
    [letter_id] = shop.buried(1)

    text = shop.run("dead", "show", "shop:broker", letter_id)
    as_json = shop.run("dead", URL, "show", letter_id, "--json")

    fields = dict(line.split(":", 1) for line in text.out.splitlines() if ":" in line[:12])
    assert fields["task"].strip() == "reject"
    assert fields["reason"].strip() == "rejected by the task"
    assert fields["args"].strip() == "0"
    assert as_json.json["args"] == [0, 1]
    assert as_json.json["labels"] == {}
    assert as_json.json["task_id"] == fields["task id"].strip()


def test_dead_letter_that_cannot_be_read_is_shown_as_bytes(shop: Shop) -> None:
    """And not one of them is obeyed by the terminal."""
    shop.sent("garbage")
    command = shop.worker()
    command.line("can't be read")
    until(lambda: shop.run("dead", "list", URL, "--json").json, "the dead letter")
    assert command.stop() == 0

    text = shop.run("dead", "show", URL, "1")
    as_json = shop.run("dead", "show", URL, "1", "--json").json

    assert text.exit_code == 0, text
    assert r"raw bytes:  \x1b[31m\xff no" in text.out
    assert "\x1b" not in text.out
    assert "unreadable: " in text.out
    assert base64.b64decode(as_json["raw"]) == b"\x1b[31m\xff no"
    assert as_json["unreadable"]
    assert "args" not in as_json


def test_replay_some_and_all(shop: Shop) -> None:
    """What is replayed runs again, as a first attempt."""
    first, *_others = shop.buried(3)
    task_id = shop.run("dead", "show", URL, first, "--json").json["task_id"]
    (shop.files / "fixed").touch()

    some = shop.run("dead", "replay", "shop:broker", first, "no-such")
    rest = shop.run("dead", URL, "replay", "--all", "--json")
    command = shop.worker()
    result = shop.finished(task_id)

    assert some.exit_code == 1
    assert some.out == "Dead letters replayed: 1\n"
    assert f"Not replayed: 1 of {first}, no-such" in some.err
    assert (rest.exit_code, rest.json) == (0, {"replayed": 2})
    assert result.json["value"] == "mended"
    assert command.stop() == 0


def test_purge_of_dead_letters(shop: Shop) -> None:
    first, *_others = shop.buried(2)

    refused = shop.run("dead", "purge", "shop:broker", "--all")
    one = shop.run("dead", "purge", URL, first, "--yes")
    rest = shop.run("dead", "purge", URL, "--all", "-y", "--json")

    assert refused.exit_code == 1
    assert "Forget all dead letters of shop:broker for good?" in refused.err
    assert (one.exit_code, one.out) == (0, "Dead letters purged: 1\n")
    assert rest.json == {"purged": 1}
    assert shop.run("dead", "list", URL).out == "There are no dead letters.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["dead", "replay", URL], 2, "Give their IDs, or a filter such as --task NAME, or"),
        (["dead", "purge", URL, "1", "--all"], 2, "Which dead letters?"),
        (["dead", "show", URL], 2, "Which dead letter? Give one ID"),
        (["dead", "show", URL, "7"], 8, "there is no such file, and a command creates none"),
        (["dead", "list"], 2, "or its URL, such as sqlite:///tasks.db"),
        (["dead", URL], 2, "What to do with 'sqlite:///tasks.db'? There are: list, purge, replay"),
        (["queue", "stats", "nope://x"], 4, "nope"),
        (["queue", "stats", "nowhere:broker"], 3, "There is no module 'nowhere'"),
        (["queue", "stats", "sqlite:////no/such/folder/x.db"], 8, "does not exist"),
        (["result", "x", "broken:broker"], 8, "OSError: no route to the server"),
    ],
)
def test_mistakes_are_one_paragraph(
    shop: Shop, arguments: list[str], code: int, message: str
) -> None:
    write_other_brokers(shop)

    ran = shop.run(*arguments)

    assert ran.exit_code == code, ran
    assert message in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_letter_that_is_not_there(shop: Shop) -> None:
    shop.sent("add")

    ran = shop.run("dead", "show", URL, "7")

    assert ran.exit_code == 1
    assert "There is no dead letter '7'; `taskiq dead list` lists them." in " ".join(
        ran.err.split()
    )


def write_other_brokers(shop: Shop) -> None:
    shop.write(
        "broken.py",
        "from app import FileBroker, Path\n"
        "class Broken(FileBroker):\n"
        "    async def startup(self):\n        raise OSError('no route to the server')\n"
        "broker = Broken(Path('messages'))\n",
    )


def test_traceback_of_a_broker_is_shown_when_asked_for(shop: Shop) -> None:
    write_other_brokers(shop)

    ran = shop.run("queue", "broken:broker", "stats", "--traceback")

    assert ran.exit_code == 8
    assert ran.err.count("raise OSError('no route to the server')") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue", "app:broker", "stats"],
        ["queue", "app:broker", "purge", "--yes"],
        ["dead", "list", "app:broker"],
        ["dead", "replay", "app:broker", "1"],
        ["abort", "x", "app:broker"],
    ],
)
def test_broker_that_lacks_the_ability_says_so(shop: Shop, arguments: list[str]) -> None:
    ran = shop.run(*arguments)

    assert ran.exit_code == 7, ran
    assert ran.err.startswith("Error: FileBroker can't ")
    assert "`taskiq plugins --capabilities` lists them" in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("group", ["queue", "dead"])
def test_help_of_groups_shows_both_orders(shop: Shop, group: str) -> None:
    ran = shop.run(group, "--help")

    assert f"taskiq {group} [OPTIONS] [BROKER_PATH] COMMAND" in ran.out
    assert "sqlite:///tasks.db" in ran.out


# -- taskiq abort ---------------------------------------------------------------------------------


def test_abort_says_where_the_task_was(shop: Shop) -> None:
    [queued] = shop.sent("add")
    waiting = shop.run("abort", queued, "shop:broker")
    command = shop.worker()
    ended = shop.finished(queued)
    [held] = shop.sent("hold")
    shop.file("0.started")
    running = shop.run("abort", held, "shop:broker", "--json")
    shop.file("0.ended")
    stopped = shop.finished(held)
    finished = shop.run("abort", held, URL)
    unknown = shop.run("abort", "no-such", URL, "--json")

    assert waiting.exit_code == 0
    assert waiting.out == f"Task {queued} is queued: it waited, and will not be started.\n"
    assert "TaskAbortedError" in ended.json["error"]
    assert (running.exit_code, running.json) == (0, {"task_id": held, "state": "running"})
    assert "TaskAbortedError" in stopped.json["error"]
    assert (finished.exit_code, "is finished" in finished.out) == (0, True)
    assert (unknown.exit_code, unknown.json["state"]) == (1, "unknown")
    assert command.stop() == 0


# -- taskiq result --------------------------------------------------------------------------------


def test_result_of_a_task_that_returned(shop: Shop) -> None:
    [task_id] = shop.sent("add")
    missing = shop.run("result", task_id, "shop:broker")
    command = shop.worker()
    shop.finished(task_id)

    text = shop.run("result", task_id, "shop:broker")
    as_json = shop.run("result", task_id, URL, "--json")

    assert missing.exit_code == 1
    assert missing.out.startswith(f"Task {task_id} waits in queue default since ")
    assert (text.exit_code, as_json.exit_code) == (0, 0)
    assert "state:          done\nvalue:          1\nexecution time: " in text.out
    assert (as_json.json["state"], as_json.json["value"]) == ("done", 1)
    assert as_json.json["labels"] == {}, "those that taskiq sets for itself are not shown"
    assert "X-Taskiq" not in text.out
    assert as_json.json["error"] is None
    assert as_json.json["execution_time"] > 0
    assert command.stop() == 0


def test_result_of_a_task_that_failed(shop: Shop) -> None:
    """The traceback is that of the worker, and only shown when asked for."""
    [task_id] = shop.sent("fail")
    command = shop.worker()
    shop.finished(task_id)

    text = shop.run("result", task_id, "shop:broker")
    whole = shop.run("result", task_id, "shop:broker", "--traceback")
    from_url = shop.run("result", task_id, URL, "--json", "--traceback")

    assert (text.exit_code, whole.exit_code, from_url.exit_code) == (1, 1, 1)
    assert "error:          shop.OutOfStockError: 0\n" in text.out
    assert "queue='orders'" in text.out
    assert "Traceback" not in text.out
    assert "raise OutOfStockError(what)" in whole.out
    assert from_url.json["state"] == "failed"
    assert from_url.json["error"] == "shop.OutOfStockError: ('0',)"
    assert "raise OutOfStockError(what)" in from_url.json["traceback"]
    assert command.stop() == 0


def test_result_where_none_are_kept(shop: Shop) -> None:
    ran = shop.run("result", "x", "app:broker")

    assert ran.exit_code == 8
    assert "this broker has no result backend" in " ".join(ran.err.split())


# -- what only its own process can see ------------------------------------------------------------

PRIVATE = """
from taskiq_core.broker import AsyncBroker
from taskiq_sqlite import SQLiteResultBackend


class Private(AsyncBroker):
    private_to_process = "its queue is in the program that sends. Ask there."

    async def startup(self):
        raise RuntimeError("the address is in use")

    async def kick(self, message): ...

    async def listen(self):
        yield b""


class PrivateResults(SQLiteResultBackend):
    private_to_process = "they are in the program that sends. Ask there."


broker = Private().with_result_backend(PrivateResults("tasks.db"))
with_shared_results = Private().with_result_backend(SQLiteResultBackend("tasks.db"))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue", "stats", "private:broker"],
        ["queue", "purge", "private:broker", "--yes"],
        ["dead", "list", "private:broker"],
        ["dead", "show", "private:broker", "1"],
        ["dead", "replay", "private:broker", "--all"],
        ["dead", "purge", "private:broker", "--all", "--yes"],
        ["abort", "x", "private:broker"],
    ],
)
def test_queue_that_only_its_own_process_can_see(shop: Shop, arguments: list[str]) -> None:
    """Such a broker is not started: it would take the place of the one that has the queue."""
    shop.write("private.py", PRIVATE)

    ran = shop.run(*arguments)

    assert (ran.exit_code, ran.out) == (7, "")
    assert " ".join(ran.err.split()) == (
        "Error: private:broker can't be asked from here: its queue is in the program that sends. "
        "Ask there."
    )


def test_results_that_only_their_own_process_can_see(shop: Shop) -> None:
    """A result backend that all processes share can be asked, though the queue can't."""
    shop.write("private.py", PRIVATE)
    [task_id] = shop.sent("add")
    command = shop.worker()
    shop.finished(task_id)

    private = shop.run("result", task_id, "private:broker")
    shared = shop.run("result", task_id, "private:with_shared_results", "--json")

    assert private.exit_code == 7
    assert "The result backend of private:broker can't be asked" in " ".join(private.err.split())
    assert (shared.exit_code, shared.json["value"]) == (0, 1)
    assert command.stop() == 0

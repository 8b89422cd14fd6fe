"""`taskiq dead` by filter, by queue and with a rate."""

import signal

import pytest

from taskiq_testservers.cli_project import until
from taskiq_testservers.operator_project import OperatorProject


@pytest.fixture
def letters(store: OperatorProject) -> OperatorProject:
    """A store with three dead letters."""
    store.bury("mail", task_id="a", reason="failed 3 times", error="SMTPError: Timed out")
    store.bury("mail", task_id="b", reason="rejected by the task")
    store.bury("add", task_id="c", reason="failed 3 times", error="ValueError: 7")
    return store


def ids(store: OperatorProject, *arguments: str) -> list[str]:
    return [each["task_id"] for each in store.run("dead", "list", "--json", *arguments).json]


def test_list_by_task_reason_and_age(letters: OperatorProject) -> None:
    assert ids(letters, "--task", "mail") == ["a", "b"]
    assert ids(letters, "--reason", "timed out") == ["a"]
    assert ids(letters, "--reason", "failed", "--task", "add") == ["c"]
    assert ids(letters, "--older-than", "1h") == []
    assert ids(letters, "--newer-than", "1h", "--limit", "1", "--offset", "1") == ["b"]
    assert (
        letters.run("dead", "list", "--task", "x").out == "There are no dead letters like that.\n"
    )


def test_replay_by_filter(letters: OperatorProject) -> None:
    tried = letters.run("dead", "replay", "--task", "mail", "--dry-run")
    done = letters.run("dead", "replay", "--task", "mail", "--json")

    assert tried.out == "Dead letters matching: 2\n"
    assert done.json == {"replayed": 2}
    assert ids(letters) == ["c"]
    waiting = letters.run("messages", "--json").json["messages"]
    assert [(each["task_id"], each["attempt"]) for each in waiting] == [("a", 0), ("b", 0)]


def test_replay_with_a_rate(letters: OperatorProject) -> None:
    ran = letters.run("dead", "replay", "--all", "--rate", "1000/s")

    assert ran.out == "Dead letters replayed: 3\n"
    assert ids(letters) == []


def test_ctrl_c_stops_a_replay_and_says_how_far_it_came(letters: OperatorProject) -> None:
    command = letters.start("dead", "replay", "--all", "--rate", "1/h")
    until(lambda: letters.run("messages", "--json").json["messages"], "the first letter")

    command.signal(signal.SIGINT)

    assert command.exit_code() == 1
    assert "Stopped. Dead letters replayed: 1" in command.text
    assert "Traceback" not in command.text
    assert ids(letters) == ["b", "c"]


def test_purge_by_filter_asks_with_the_number(letters: OperatorProject) -> None:
    asked = letters.run("dead", "purge", "--reason", "FAILED")
    done = letters.run("dead", "purge", "--reason", "FAILED", "--yes")

    assert asked.exit_code == 1
    assert "Forget 2 dead letter(s) of store:///" in asked.err
    assert done.out == "Dead letters purged: 2\n"
    assert ids(letters) == ["b"]


def test_dead_letters_of_another_queue_are_mentioned(store: OperatorProject) -> None:
    store.kick("mail", task_id="1", queue_name="mails")
    store.take(lambda delivery: delivery.bury("no"), queue="mails")

    default = store.run("dead", "list")
    mails = store.run("dead", "list", "--queue", "mails", "--json").json

    assert default.out == "There are no dead letters.\n"
    assert default.err == "There are dead letters of another queue: --queue mails\n"
    assert [each["task_id"] for each in mails] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--all", "--task", "x"], "Which dead letters? Give their IDs, or a filter"),
        (["--all", "--rate", "0/s"], "'0/s' is not a rate, such as 10/s"),
        (["--older-than", "-1h"], "'-1h' is not a duration, such as 90s"),
    ],
)
def test_mistakes(store: OperatorProject, arguments: list[str], message: str) -> None:
    ran = store.run("dead", "replay", *arguments)

    assert ran.exit_code == 2
    assert message in " ".join(ran.err.split())

"""`taskiq messages` and `taskiq move`."""

import pytest

from taskiq_testservers.operator_project import OperatorProject


def ids(store: OperatorProject, *arguments: str) -> list[str]:
    found = store.run("messages", "--json", *arguments).json["messages"]
    return [each["task_id"] for each in found]


def test_each_state_in_its_order(store: OperatorProject) -> None:
    store.kick("add", task_id="held")
    store.take(worker="host-1")
    store.bury("add", task_id="buried", reason="rejected by the task")
    store.kick("add", task_id="second")
    store.kick("add", task_id="first", priority=9)
    store.kick("add", task_id="late", delay=864_000)
    store.kick("add", task_id="soon", delay=432_000)

    assert ids(store) == ["first", "second"]
    assert ids(store, "--state", "delivered") == ["held"]
    assert ids(store, "--state", "delayed") == ["soon", "late"]
    assert ids(store, "--state", "dead") == ["buried"]
    assert "at host-1" in store.run("messages", "--state", "delivered").out
    assert "due in 5 d" in store.run("messages", "--state", "delayed").out
    assert "rejected by the task" in store.run("messages", "--state", "dead").out


def test_pages_are_filled_and_go_on(store: OperatorProject) -> None:
    """A store looks through a bounded number of messages for each page; the command goes on."""
    for number in range(12):
        store.kick("odd" if number % 2 else "even", task_id=f"{number}")

    first = store.run("messages", "--task", "odd", "--limit", "4", "--json").json
    second = store.run("messages", "--task", "odd", "--after", first["after"])

    assert [each["task_id"] for each in first["messages"]] == ["1", "3", "5", "7"]
    assert [line.split()[0] for line in second.out.splitlines()[1:]] == ["9", "11"]
    assert second.err == ""


def test_more_pages_are_announced(store: OperatorProject) -> None:
    store.kick("add", task_id="1")
    store.kick("add", task_id="2")

    ran = store.run("messages", "--limit", "1")

    assert ran.err.startswith("There may be more: --after ")


def test_filters(store: OperatorProject) -> None:
    store.kick("add", task_id="1", unique_key="k")
    store.kick("add", task_id="2")
    store.kick("mail", task_id="3", queue_name="mails")
    store.kick("mail", task_id="4", queue_name="mails", delay=100)

    assert ids(store, "--key", "k") == ["1"]
    assert ids(store, "--queue", "mails") == ["3"]
    assert ids(store, "--id", "4") == ["4"], "in whatever queue and state"
    assert store.run("messages", "--task", "nope").out == (
        "There are no waiting messages like that.\n"
    )


def test_body_on_request(store: OperatorProject) -> None:
    store.kick("add", 1, {"two": 2}, task_id="1", colour="\x1b[31mred")

    plain = store.run("messages", "--json").json["messages"][0]
    text = store.run("messages", "--body")
    whole = store.run("messages", "--body", "--json").json["messages"][0]

    assert "args" not in plain
    assert "body" not in plain
    assert whole["args"] == [1, {"two": 2}]
    assert whole["labels"] == {"colour": "\x1b[31mred"}
    assert text.out[text.out.index("args:") :].split()[:4] == ["args:", "1", "{'two':", "2}"]
    assert "\x1b" not in text.out


def test_empty_queue(store: OperatorProject) -> None:
    assert store.run("messages").out == "There are no waiting messages.\n"


def test_after_does_not_go_with_an_id(store: OperatorProject) -> None:
    assert store.run("messages", "--id", "1", "--after", "x").exit_code == 2


@pytest.mark.parametrize("queue", ["default", "mails"])
def test_move_has_a_delayed_message_delivered_now(store: OperatorProject, queue: str) -> None:
    """It is found in whatever queue it is."""
    store.kick("mail", task_id="1", queue_name=queue, delay=1000)

    moved = store.run("move", "1")
    again = store.run("move", "1", "--json")

    assert (moved.exit_code, moved.out) == (0, "Task 1 is not delayed any more.\n")
    assert ids(store, "--queue", queue) == ["1"]
    assert (again.exit_code, again.json) == (1, {"task_id": "1", "moved": False})

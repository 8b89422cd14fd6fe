"""`taskiq send`: a task by its name, without the application."""

from typing import Any

import pytest

from taskiq_testservers.cli_project import Project
from taskiq_testservers.operator_project import OperatorProject, make_record


def message(store: OperatorProject, *arguments: str) -> Any:
    [found] = store.run("messages", "--body", "--json", *arguments).json["messages"]
    return found


def test_arguments_are_json(store: OperatorProject) -> None:
    ran = store.run("send", "app.tasks:add", "1", '"two"', '{"a": [3]}', "flag=true", "--json")

    sent = message(store)
    assert ran.exit_code == 0, ran
    assert ran.json["task_id"] == sent["task_id"]
    assert sent["task_name"] == "app.tasks:add"
    assert sent["args"] == [1, "two", {"a": [3]}]
    assert sent["kwargs"] == {"flag": True}


def test_labels_delay_queue_and_id(store: OperatorProject) -> None:
    ran = store.run(
        *("send", store.url, "mail", "--label", "tries=3", "--label", "colour=red"),
        *("--delay", "1000", "--queue", "mails", "--id", "m1"),
    )

    sent = message(store, "--id", "m1")
    assert ran.out == "Task mail is sent as m1.\n"
    assert (sent["queue"], sent["state"]) == ("mails", "delayed")
    assert sent["labels"] == {
        "tries": 3,
        "colour": "red",
        "delay": 1000.0,
        "queue_name": "mails",
    }


def test_sender_learns_that_no_worker_will_run_it(store: OperatorProject) -> None:
    alone = store.run("send", "mail")
    store.announce(make_record("a", task_names=["add"]))
    unknown = store.run("send", "mail")
    known = store.run("send", "add")

    assert alone.err == "No worker runs at the moment; the message waits.\n"
    assert unknown.err == "No worker that runs now knows the task mail.\n"
    assert known.err == ""


def test_path_knows_the_labels_of_the_task(project: Project) -> None:
    """And the task runs, as one that a program sent."""
    command = project.start("worker", "app:broker", "-w", "1")
    command.listening()

    ran = project.run("send", "--broker", "app:broker", "note", '"sent"')

    assert ran.exit_code == 0, ran
    project.file("sent")
    assert command.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["add", "two"],
            """The argument 'two' is not JSON. Texts need quotes of their own: '"two"'""",
        ),
        ([], "Which task? Give its name"),
        (["add", "--label", "x"], "The label 'x' is not of the form NAME=VALUE."),
    ],
)
def test_mistakes(store: OperatorProject, arguments: list[str], message: str) -> None:
    ran = store.run("send", *arguments)

    assert ran.exit_code == 2
    assert message in " ".join(ran.err.split())

"""`taskiq queue` on a broker with several queues."""

import subprocess
import sys

import pytest

from taskiq_testservers.cli_project import Project
from taskiq_testservers.operator_project import OperatorProject


def answer(
    store: OperatorProject, text: str, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command whose questions are answered."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "taskiq_cli", *arguments],
        cwd=store.folder,
        env=store.env,
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_list_shows_each_queue(store: OperatorProject) -> None:
    store.kick("add", task_id="1")
    store.kick("add", task_id="2", delay=1000)
    store.kick("mail", task_id="3", queue_name="mails")
    store.run("queue", "pause", "--queue", "mails")

    text = store.run("queue", "list")
    objects = store.run("queue", store.url, "list", "--json").json

    rows = [line.split() for line in text.out.splitlines()]
    assert rows[0] == ["QUEUE", "STATE", "WAITING", "OLDEST", "DELIVERED", "DELAYED", "DEAD"]
    assert [row[:3] for row in rows[1:]] == [["default", "open", "1"], ["mails", "paused", "1"]]
    assert rows[1][-3:] == ["0", "1", "0"]
    assert [each["queue"] for each in objects] == ["default", "mails"]
    assert [each["is_paused"] for each in objects] == [False, True]
    assert objects[0]["oldest_age"] > 0


def test_stats_of_one_queue(store: OperatorProject) -> None:
    store.kick("mail", task_id="1", queue_name="mails")

    default = store.run("queue", "stats", "--json").json
    mails = store.run("queue", "stats", "--queue", "mails")

    assert (default["waiting"], default["oldest_age"]) == (0, None)
    assert "waiting    1" in mails.out
    assert "The oldest message has waited for" in mails.out


def test_paused_queue_hands_out_nothing_until_it_is_resumed(store: OperatorProject) -> None:
    store.kick("add", task_id="1")

    paused = store.run("queue", "pause")
    stats = store.run("queue", "stats")
    resumed = store.run("queue", "resume", "--json")

    assert paused.out.startswith("Queue default is paused: it hands out nothing until")
    assert "The queue is paused" in stats.out
    assert resumed.json == {"queue": "default", "is_paused": False}
    store.take()
    assert store.run("queue", "stats", "--json").json["delivered"] == 1


def test_queue_that_never_had_a_message(store: OperatorProject) -> None:
    """To look at it is a slip of the keyboard; to pause it before it is used may be meant."""
    looked = store.run("queue", "stats", "--queue", "mals")
    paused = store.run("queue", "resume", "--queue", "mals")

    assert looked.exit_code == 1
    assert "There is no queue 'mals' yet. Known are: default." in looked.err
    assert paused.exit_code == 0


def test_purge_asks_for_the_name_of_the_queue(store: OperatorProject) -> None:
    store.kick("mail", task_id="1", queue_name="mails")

    unanswered = store.run("queue", "purge", "--queue", "mails")
    wrong = answer(store, "default\n", "queue", "purge", "--queue", "mails")
    right = answer(store, "mails\n", "queue", "purge", "--queue", "mails")

    assert unanswered.exit_code == 1
    assert "Type the name of queue mails to drop its 1 waiting and 0 delayed messages for good" in (
        unanswered.err
    )
    assert wrong.returncode == 1
    assert "'default' is not the name of the queue; nothing was dropped." in wrong.stderr
    assert (right.returncode, right.stdout) == (0, "Messages dropped: 1\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["queue", "stats"],
        ["queue", "list"],
        ["queue", "pause"],
        ["queue", "purge", "--yes"],
        ["messages"],
        ["workers"],
        ["history"],
        ["history", "--rates"],
        ["top", "--once"],
        ["send", "add", "1"],
        ["result", "x"],
        ["move", "x"],
        ["dead", "list"],
        ["dead", "replay", "--all"],
        ["abort", "x"],
    ],
)
def test_mistyped_url_creates_nothing(store: OperatorProject, arguments: list[str]) -> None:
    for url in ("store:///typo.store", "sqlite:///typo.db"):
        store.env["TASKIQ_BROKER_URL"] = url

        ran = store.run(*arguments)

        # A broker without the capability may say so before its file is opened.
        assert ran.exit_code in (7, 8), ran
        assert "Traceback" not in ran.err
    assert list(store.folder.glob("typo*")) == []


def test_broker_without_several_queues_says_so(project: Project) -> None:
    ran = project.run("queue", "stats", "app:broker", "--queue", "mails")

    assert ran.exit_code == 7
    assert "FileBroker can't ask for queue 'mails': it lacks the capability 'queues'" in " ".join(
        ran.err.split()
    )


@pytest.mark.parametrize(
    ("arguments", "capability"),
    [
        (["queue", "pause", "app:broker"], "pause"),
        (["queue", "list", "app:broker"], "stats"),
        (["messages", "app:broker"], "inspect"),
        (["move", "x", "app:broker"], "inspect"),
        (["workers", "app:broker"], "presence"),
        (["history", "app:broker"], "history"),
        (["history", "app:broker", "--rates"], "history"),
        (["top", "app:broker", "--once"], "stats"),
    ],
)
def test_missing_capability_is_named(
    project: Project, arguments: list[str], capability: str
) -> None:
    ran = project.run(*arguments)

    assert ran.exit_code == 7, ran
    assert f"it lacks the capability '{capability}'" in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_project_says_which_broker_before_the_environment(project: Project) -> None:
    """Its broker may have a serializer that no URL knows; a program would use it as well."""
    project.write("pyproject.toml", "[tool.taskiq]\nbroker = 'app:broker'\n")
    project.env["TASKIQ_BROKER_URL"] = "sqlite:///typo.db"

    ran = project.run("queue", "stats")

    assert "FileBroker can't count its messages" in ran.err


def test_misspelt_variable_is_named(store: OperatorProject) -> None:
    store.env["TASKIQ_BROKER_ULR"] = store.env.pop("TASKIQ_BROKER_URL")

    ran = store.run("queue", "stats")

    assert ran.exit_code == 2
    assert "or set TASKIQ_BROKER_URL to its URL. The environment has TASKIQ_BROKER_ULR" in (
        " ".join(ran.err.split())
    )


def test_pausing_a_queue_that_nobody_used_says_so_and_how_to_resume(
    store: OperatorProject,
) -> None:
    paused = store.run("queue", "pause", "--queue", "nosuch")

    assert "`taskiq queue resume --queue nosuch`" in paused.out
    assert "No message was ever sent to queue nosuch." in paused.err

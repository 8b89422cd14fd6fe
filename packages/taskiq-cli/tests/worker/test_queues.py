"""A worker listens to the queues that it is given, or says why it can't."""

import json

import pytest

from taskiq_testservers.cli_project import Project, until

APPLICATION = """
import os
from pathlib import Path
from app import leave
from present_file_broker import PresentFileBroker


class Broker(PresentFileBroker):
    def __repr__(self):
        return "Broker(files://user:secret@host/messages)"


broker = Broker(Path(__file__).parent / "messages")


@broker.task(task_name="note", queue_name="notes")
async def note(name):
    leave(name, str(os.getpid()))


@broker.task(task_name="default")
async def default(name):
    leave(name, str(os.getpid()))
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write("shop.py", APPLICATION)
    return project


def test_worker_listens_to_the_queues_that_are_named(shop: Project) -> None:
    command = shop.start("worker", "shop:broker", "-w", "1", "--queues", "notes,mails=3")
    command.listening()

    shop.send("default", "never", module="shop")
    shop.send("note", "noted", module="shop")

    assert shop.file("noted")
    assert shop.queued() == 1
    folder = shop.folder / "messages" / "workers"
    record = until(lambda: [json.loads(file.read_text()) for file in folder.iterdir()])[0]
    assert record["queues"] == ["notes", "mails"]
    command.line(r"Listening to Broker\(files://\*\*\*@host/messages\), queues notes, mails=3\n")
    assert command.stop() == 0
    assert "secret" not in command.text


def test_strict_order_and_default_queue_are_said(shop: Project) -> None:
    shop.env["TASKIQ_WORKER_QUEUES"] = "notes,mails"
    strict = shop.start("worker", "shop:broker", "-w", "1", "--queues-strict")
    strict.line(r", queues notes, mails, strictly in this order\n")
    assert strict.stop() == 0

    del shop.env["TASKIQ_WORKER_QUEUES"]
    command = shop.start("worker", "shop:broker", "-w", "1")
    command.line(r"Listening to Broker.*, queue queue\n")
    assert command.stop() == 0


def test_broker_with_one_queue_refuses_the_option(project: Project) -> None:
    command = project.start("worker", "app:broker", "-w", "1", "--queues", "mails")

    assert command.exit_code() == 9
    assert (
        "The worker can't start: FileBroker has one queue, 'default', and can't listen to mails. "
        "Leave --queues out, or use a broker with the capability 'queues'; "
        "`taskiq plugins --capabilities` lists them"
    ) in command.text


def test_broker_that_finds_its_server_without_queues_is_refused(shop: Project) -> None:
    shop.write(
        "older.py",
        "from shop import broker\nfrom taskiq_core.capabilities import Capability\n"
        "from taskiq_core.events import TaskiqEvents\n"
        "@broker.on_event(TaskiqEvents.WORKER_STARTUP)\n"
        "def learn(state):\n    broker.capabilities -= {Capability.QUEUES}\n",
    )
    command = shop.start("worker", "older:broker", "-w", "1", "--queues", "notes")

    assert command.exit_code() == 9
    assert "Broker has one queue" in command.text


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["--queues", "mails,,reports"], "the name of a queue is empty"),
        (["--queues", "mails=0"], "the weight of queue 'mails' is 1 to 1000, not 0"),
        (["--queues-strict"], "--queues-strict needs --queues"),
    ],
)
def test_wrong_queues_are_refused(project: Project, line: list[str], text: str) -> None:
    ran = project.run("worker", "app:broker", *line)

    assert ran.exit_code == 2
    assert text in ran.err

"""The transcripts of docs/operating.md are what the commands print, in the order of the page."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from taskiq_core.messages.history import BUCKETS, DeliveryEnd, MinuteCounters
from taskiq_core.messages.worker_record import RunningTask
from taskiq_testservers.commands import ROOT
from taskiq_testservers.operator_project import OperatorProject, make_past, make_record

PAGE = ROOT / "docs" / "operating.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[OperatorProject]:
    """A shop whose mails are paused, whose payments fail, and whose second machine is older."""
    shop = OperatorProject(tmp_path / "project", "store:///{folder}/tasks.store")
    shop.bury("shop:charge", task_id="o-3", reason="failed 4 times", error="PaymentError: declined")
    shop.bury("shop:charge", task_id="o-4", reason="failed 4 times", error="PaymentError: declined")
    shop.bury("shop:confirm", task_id="o-5", reason="rejected by the task")
    shop.kick("shop:charge", 17, task_id="o-17")
    shop.take(worker="web-1-4102")
    shop.kick("shop:charge", 18, task_id="o-18")
    shop.kick("shop:charge", 20, task_id="o-20", delay=432_000)
    shop.kick("shop:confirm", task_id="m-1", queue_name="mails")
    shop.run("queue", "pause", "--queue", "mails")
    _announce(shop)
    _remember(shop)
    yield shop
    shop.clean_up()


def _announce(shop: OperatorProject) -> None:
    now = datetime.now(UTC)
    running = RunningTask(
        task_id="o-17",
        task_name="shop:charge",
        attempt=2,
        started_at=now - timedelta(minutes=25),
    )
    new, old = {"taskiq-core": "1.1.0"}, {"taskiq-core": "1.0.0"}
    names = ["shop:charge", "shop:confirm"]
    shop.announce(
        make_record(
            "web-1-4102",
            host="web-1",
            queues=["default", "mails"],
            running=[running],
            running_count=1,
            tasks_done=812,
            versions=new,
            task_names=names,
        ),
        make_record("web-1-4103", host="web-1", queues=["default"], versions=new),
        make_record("web-2-977", host="web-2", queues=["default"], versions=old, loop_lag=2.4),
    )


def _remember(shop: OperatorProject) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    waited, quick, slow = ([0] * (len(BUCKETS) + 1) for _ in range(3))
    waited[2], quick[3], slow[10] = 240, 200, 40
    shop.remember(
        make_past(
            "o-3", DeliveryEnd.FAILED, task_name="shop:charge", error="PaymentError: declined"
        ),
        make_past("o-12", DeliveryEnd.SUCCEEDED, task_name="shop:charge"),
        counters=[
            MinuteCounters(
                minute=minute,
                task_name="shop:charge",
                started=240,
                succeeded=236,
                failed=4,
                dead=2,
                waited=waited,
                ran=[a + b for a, b in zip(quick, slow, strict=True)],
            )
        ],
    )


def transcripts() -> list[tuple[str, str]]:
    """Commands of the page with what they print, in order."""
    found: list[tuple[str, str]] = []
    for block in BLOCK.findall(PAGE.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def likeness(text: str) -> str:
    """A text without what differs from run to run: numbers, times, and the width of columns."""
    text = re.sub(r"\d+(?:\.\d+)? (?:ms|s|min|h|d)\b", "<time>", text)
    text = re.sub(r"\d+", "0", text)
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


@pytest.mark.timeout(300)  # two dozen commands, one after the other
def test_page_shows_what_commands_print(shop: OperatorProject) -> None:
    shown = transcripts()
    assert len(shown) >= 15, "the page lost its transcripts"

    for command, output in shown:
        program, *arguments = shlex.split(command)
        assert program == "taskiq", command

        ran = shop.run(*arguments)

        assert likeness(ran.out + ran.err) == likeness(output), command


def test_page_names_every_command_of_operators() -> None:
    text = PAGE.read_text()

    for command in ("abort", "dead", "health", "history", "messages", "move", "queue", "result"):
        assert f"taskiq {command}" in text
    for command in ("schedules", "send", "top", "workers"):
        assert f"taskiq {command}" in text

"""`taskiq worker --health` and `taskiq health`, with real processes."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from typing import Any

import pytest

from taskiq_cli.errors import NoHealthError
from taskiq_cli.health.address import Address
from taskiq_cli.health.client import ask_health
from taskiq_testservers.cli_project import LIMIT, Command, Project, Ran, is_running, until


def start(project: Project, *arguments: str) -> tuple[Command, str]:
    """A worker, and the address at which it tells its health."""
    command = project.start("worker", *arguments, "--health", "127.0.0.1:0")
    return command, command.line(r"Health is served at (\S+)")[1]


def ask(address: str) -> dict[str, Any]:
    try:
        return ask_health(Address(address), LIMIT)
    except NoHealthError:
        return {"state": "nobody", "workers": []}


def until_state(address: str, *states: str) -> dict[str, Any]:
    """The document as soon as the workers, or all together where one is given, are so."""

    def look() -> dict[str, Any] | None:
        found = ask(address)
        now = [worker["state"] for worker in found["workers"]]
        is_so = now == list(states) if len(states) > 1 else found["state"] == states[0]
        return found if is_so else None

    return until(look, f"{states} at {address}")


def test_health_of_two_workers(project: Project) -> None:
    """Over TCP, as a load balancer or a container's probe asks."""
    command, address = start(project, "app:broker", "-w", "2")
    document = until_state(address, "running", "running")
    project.send("hold", "a")
    project.file("a.started")

    busy = until(lambda: (found := ask(address))["running_tasks"] and found, "a running task")
    with urllib.request.urlopen(f"http://{address}/", timeout=LIMIT) as response:
        assert json.load(response)["pid"] == command.process.pid
    text = project.run("health", address)

    assert [worker["name"] for worker in document["workers"]] == ["worker-0", "worker-1"]
    assert [worker["pid"] for worker in document["workers"]] == command.workers()
    assert document["slots"] == {"total": 200, "free": 200}
    assert document["last_message_at"] is None
    assert (document["broker"], document["workers"][0]["broker"]) == ("app:broker", "FileBroker")
    assert busy["slots"] == {"total": 200, "free": 199}
    assert busy["last_message_at"] > document["started_at"]
    assert text.exit_code == 0
    assert text.out.startswith("running, app:broker\n\nWORKER")
    assert "99 of 100" in text.out
    (project.files / "a.go").touch()
    assert command.stop() == 0


def test_health_over_a_unix_socket(project: Project) -> None:
    """Its statuses are for probes: 0 running, 1 not quite, 2 nobody answers."""
    project.write(
        "slow.py",
        "import time\nfrom pathlib import Path\nfrom app import broker\n"
        "while not Path('go').exists(): time.sleep(0.01)\n",
    )
    command = project.start("worker", "slow:broker", "-w", "1", "--health", "unix:health.sock")
    command.line("Health is served at unix:health.sock")

    first = project.run("health", "unix:health.sock", "--json")
    (project.folder / "go").touch()
    second = until(
        lambda: (ran := project.run("health", "unix:health.sock", "--json")).exit_code == 0 and ran,
        "a worker that runs",
    )
    assert command.stop() == 0
    third = project.run("health", "unix:health.sock", "--json")

    assert (first.exit_code, first.json["state"]) == (1, "starting")
    assert second.json["state"] == "running"
    assert (third.exit_code, third.out) == (2, "")


def test_nobody_answers(project: Project) -> None:
    ran = project.run("health", "unix:health.sock")

    assert ran.exit_code == 2
    assert "Is `taskiq worker --health unix:health.sock` running?" in " ".join(ran.err.split())


def test_starting_and_draining_are_reported(project: Project) -> None:
    """503 until it listens, and from the moment that it is asked to leave."""
    project.write(
        "slow.py",
        "import time\nfrom pathlib import Path\nfrom app import broker\n"
        "while not Path('go').exists(): time.sleep(0.01)\n",
    )
    command, address = start(project, "slow:broker", "-w", "1")
    starting = until_state(address, "starting")
    (project.folder / "go").touch()
    until_state(address, "running")
    project.send("hold", "a")
    project.file("a.started")

    command.signal()
    draining = until_state(address, "draining")
    (project.files / "a.go").touch()

    assert starting["pid"] == command.process.pid
    assert draining["running_tasks"] == 1
    assert command.exit_code() == 0
    assert ask(address)["state"] == "nobody"


def test_broker_that_cannot_be_listened_to_is_told(project: Project) -> None:
    """And that it can be again."""
    project.write(
        "flaky.py",
        "import asyncio\nfrom pathlib import Path\nfrom app import FileBroker, note\n"
        "class Flaky(FileBroker):\n"
        "    async def listen(self):\n"
        "        while not Path('well').exists():\n"
        "            raise OSError('amqp://me:hunter2@host is away')\n"
        "        async for each in super().listen():\n            yield each\n"
        "broker = Flaky(Path('messages'))\n"
        "broker.local_task_registry[note.task_name] = note\n",
    )
    command, address = start(project, "flaky:broker", "-w", "1")

    degraded = until_state(address, "degraded")
    (project.folder / "well").touch()
    project.send("note", "a")
    until_state(address, "running")

    assert degraded["reason"] == "worker-0 is degraded: OSError: amqp://***@host is away"
    assert command.stop() == 0


def test_killed_worker_is_down_until_another_runs(project: Project) -> None:
    """The first is replaced at once, the second and third after pauses."""
    command, address = start(project, "app:broker", "-w", "2")
    until_state(address, "running", "running")

    for times in (3, 4):
        os.kill(ask(address)["workers"][1]["pid"], signal.SIGKILL)
        until(lambda times=times: len(command.workers()) == times, "the next worker")
        until_state(address, "running", "running")
    os.kill(ask(address)["workers"][1]["pid"], signal.SIGKILL)
    down = until_state(address, "running", "down")
    until_state(address, "running", "running")

    assert down["state"] == "degraded"
    assert down["reason"].startswith("worker-1 is down: it has ended")
    assert down["slots"]["total"] == 100
    assert command.stop() == 0


@pytest.mark.parametrize("how", ["hangs", "stopped"])
def test_worker_that_hangs_is_unresponsive(project: Project, how: str) -> None:
    """Others answer for it; the command, and its health server, are as quick as ever."""
    command, address = start(project, "app:broker", "-w", "2")
    document = until_state(address, "running", "running")
    victim = document["workers"][0]["pid"]
    if how == "stopped":
        os.kill(victim, signal.SIGSTOP)
    else:
        project.send("hang", "a")
        project.file("a.started")

    def unresponsive() -> dict[str, Any] | None:
        found = ask(address)
        states = sorted(worker["state"] for worker in found["workers"])
        return found if states == ["running", "unresponsive"] else None

    found = until(unresponsive, "an unresponsive worker", 40)

    assert found["state"] == "degraded"
    assert "no sign of life for" in found["reason"]
    assert found["slots"]["total"] == 100
    hanging = next(each["pid"] for each in found["workers"] if each["state"] == "unresponsive")
    os.kill(hanging, signal.SIGKILL)
    until_state(address, "running", "running")
    assert command.stop() == 0


def health_process(command: Command) -> int | None:
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        pid, parent, arguments = line.split(None, 2)
        if int(parent) == command.process.pid and "taskiq_cli.health" in arguments:
            return int(pid)
    return None


def test_health_server_that_dies_is_started_again_and_never_outlives_its_supervisor(
    project: Project,
) -> None:
    command, address = start(project, "app:broker", "-w", "1")
    until_state(address, "running")
    first = until(lambda: health_process(command), "the health server")

    os.kill(first, signal.SIGKILL)
    command.line("The health server was killed by SIGKILL.*it is started again")
    again = command.line(r"it is started again[\s\S]*Health is served at (\S+)")[1]
    until_state(again, "running")
    second = until(lambda: health_process(command), "the next health server")
    command.signal(signal.SIGKILL)

    until(lambda: not is_running(second), "the end of the health server")
    assert len(command.workers()) == 1


def test_address_that_is_taken_is_waited_for(project: Project) -> None:
    """As while an earlier start still finishes its tasks."""
    first, address = start(project, "app:broker", "-w", "1")

    second = project.start("worker", "app:broker", "-w", "1", "--health", address)
    second.line(f"Health can't be served at {address} yet: .*in use")
    second.listening()
    assert first.stop() == 0

    second.line(f"Health is served at {address}")
    assert until_state(address, "running")["pid"] == second.process.pid
    assert second.stop() == 0


@pytest.mark.parametrize("command", [["worker", "app:broker", "--health"], ["health"]])
def test_wrong_address(project: Project, command: list[str]) -> None:
    ran: Ran = project.run(*command, "8080")

    assert ran.exit_code == 2
    assert "'8080' is not of the form HOST:PORT, such as 127.0.0.1:8080" in " ".join(
        ran.err.split()
    )


def test_health_server_imports_nothing_large() -> None:
    code = (
        "import sys; before = set(sys.modules); import taskiq_cli.health.__main__;"
        "print(*set(sys.modules) - before)"
    )

    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )

    large = {"asyncio", "click", "dataclasses", "inspect", "logging", "pydantic", "taskiq_core",
             "typing"}  # fmt: skip
    assert not large & set(ran.stdout.split())

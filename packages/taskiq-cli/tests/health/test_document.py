"""The health document: what the state files of workers say, and what their silence means."""

import re
from pathlib import Path
from typing import Any

import pytest

from taskiq_cli.health.document import SILENCE, document, worker_entry
from taskiq_core.worker_report import WorkerState

MANUAL = (Path(__file__).parents[4] / "docs" / "operating.md").read_text()


def note(state: str, *, at: float = 100.0, **more: Any) -> dict[str, Any]:
    return {
        "name": "worker-0",
        "state": state,
        "reason": None,
        "pid": 7,
        "written_at": at,
        "slots_total": 10,
        "slots_free": 8,
        "running_tasks": 2,
        "last_message_at": None,
        **more,
    }


def entry(written: dict[str, Any] | None, *, now: float = 101.0, alive: bool = True) -> Any:
    return worker_entry("worker-0", written, now=now, is_alive=lambda _pid: alive)


def whole(*workers: dict[str, Any]) -> dict[str, Any]:
    return document(list(workers), broker="app:broker", pid=1, started_at="2026-01-01")


@pytest.mark.parametrize("state", ["starting", "running", "degraded", "draining"])
def test_worker_that_lives_is_as_it_says(state: str) -> None:
    found = entry(note(state))

    assert found["state"] == state
    assert "written_at" not in found


def test_worker_that_has_written_nothing_is_starting() -> None:
    assert entry(None)["state"] == "starting"


@pytest.mark.parametrize("state", ["running", "degraded", "draining"])
def test_worker_that_is_silent_is_unresponsive(state: str) -> None:
    found = entry(note(state), now=100 + SILENCE + 2)

    assert found["state"] == "unresponsive"
    assert "no sign of life for 7 s" in found["reason"]


def test_worker_that_imports_for_long_is_starting() -> None:
    assert entry(note("starting"), now=1000)["state"] == "starting"


@pytest.mark.parametrize(
    ("state", "found"), [("starting", "down"), ("running", "down"), ("draining", "stopped")]
)
def test_worker_that_has_ended(state: str, found: str) -> None:
    assert entry(note(state), alive=False)["state"] == found


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["running", "running"], "running"),
        (["running", "starting"], "running"),
        (["running", "draining"], "running"),
        (["running", "stopped"], "running"),
        (["running", "degraded"], "degraded"),
        (["running", "unresponsive"], "degraded"),
        (["running", "down"], "degraded"),
        (["draining", "stopped"], "draining"),
        (["stopped", "stopped"], "draining"),
        (["stopped", "starting"], "starting"),
        (["starting", "starting"], "starting"),
    ],
)
def test_state_of_all_workers(states: list[str], state: str) -> None:
    workers = [{"name": "w", "state": each, "reason": "why"} for each in states]

    assert whole(*workers)["state"] == state


def test_sums_and_reasons() -> None:
    """Slots of a worker that does not answer do not count."""
    found = whole(
        note("running", last_message_at="2026-01-02T00:00:00.000+00:00"),
        note("degraded", reason="OSError: no route", last_message_at="2026-01-03T00:00:00.000"),
        entry(note("running"), alive=False),
    )

    assert found["slots"] == {"total": 20, "free": 16}
    assert found["running_tasks"] == 4
    assert found["last_message_at"] == "2026-01-03T00:00:00.000"
    assert found["reason"] == (
        "worker-0 is degraded: OSError: no route; "
        "worker-0 is down: it has ended, and is started again"
    )


def test_slots_without_a_limit() -> None:
    found = whole(note("running", slots_total=None, slots_free=None))

    assert found["slots"] == {"total": None, "free": None}


def test_manual_has_every_key_and_state() -> None:
    [keys, states] = re.findall(r"\| (?:key|state) \|.*?\n\n", MANUAL, re.DOTALL)
    states_there_are = {*WorkerState, "unresponsive", "down", "stopped"}

    assert re.findall(r"^\| `(\w+)` \|", keys, re.MULTILINE) == list(whole())
    assert set(re.findall(r"^\| `(\w+)` \|", states, re.MULTILINE)) == states_there_are
    for key in worker_entry("worker-0", note("running"), now=101):
        assert f"`{key}`" in keys

"""`taskiq history`: the past, and rates."""

from datetime import UTC, datetime, timedelta

import pytest

from taskiq_core.messages.history import BUCKETS, DeliveryEnd, MinuteCounters
from taskiq_testservers.operator_project import OperatorProject, make_past


def histogram(**counts: int) -> list[int]:
    """Counts by the upper bounds of their buckets, such as `s1=3` for 3 of up to a second."""
    found = [0] * (len(BUCKETS) + 1)
    for name, count in counts.items():
        found[BUCKETS.index(float(name.removeprefix("s")))] = count
    return found


@pytest.fixture
def past(store: OperatorProject) -> OperatorProject:
    store.remember(
        make_past("1", DeliveryEnd.RETRIED, error="SMTPError: timed out"),
        make_past("1", DeliveryEnd.SUCCEEDED, attempt=2),
        make_past("2", DeliveryEnd.DEAD, task_name="add", error="ValueError: \x1b[31m7"),
    )
    return store


def test_latest_first(past: OperatorProject) -> None:
    text = past.run("history")
    objects = past.run("history", "--json").json

    rows = text.out.splitlines()
    assert rows[0].split() == (
        "ENDED AT TASK TASK ID ATTEMPT END RAN WORKER ERROR".split()  # noqa: SIM905
    )
    assert [row.split()[3:9] for row in rows[1:]] == [
        ["add", "2", "1", "dead", "1.0", "s"],
        ["mail", "1", "2", "succeeded", "1.0", "s"],
        ["mail", "1", "1", "retried", "1.0", "s"],
    ]
    assert "\x1b" not in text.out
    assert [each["end"] for each in objects["deliveries"]] == ["dead", "succeeded", "retried"]
    assert objects["after"] is None


def test_filters_and_pages(past: OperatorProject) -> None:
    first = past.run("history", "--limit", "2", "--json").json
    second = past.run("history", "--after", first["after"], "--json").json

    assert [each["attempt"] for each in second["deliveries"]] == [1]
    assert len(past.run("history", "--task", "mail", "--json").json["deliveries"]) == 2
    assert len(past.run("history", "--end", "dead", "--json").json["deliveries"]) == 1
    assert past.run("history", "--id", "9").out.startswith(
        "No delivery is known that has ended like that."
    )


def test_no_history_says_that_it_may_be_off(store: OperatorProject) -> None:
    ran = store.run("history")

    assert ran.exit_code == 0
    assert "A worker keeps history only if its broker is set up to" in ran.out


def test_rates_and_counters(store: OperatorProject) -> None:
    counters = {
        "started": 10,
        "succeeded": 7,
        "failed": 2,
        "retried": 1,
        "ran": histogram(**{"s0.1": 5, "s1.0": 5}),
        "waited": histogram(**{"s0.005": 10}),
    }
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    other = minute + timedelta(minutes=1)
    store.remember(
        counters=[
            MinuteCounters(minute=minute, task_name="mail", **counters),
            MinuteCounters(minute=other, task_name="mail", started=2, dead=2),
            MinuteCounters(minute=minute - timedelta(hours=5), task_name="old", started=1),
        ]
    )

    [rates] = store.run("history", "--rates", "--since", "10m", "--json").json
    text = store.run("history", "--rates")
    minutes = store.run("history", "--by-minute", "--json").json

    assert (rates["task_name"], rates["per_minute"], rates["dead"]) == ("mail", 1.2, 2)
    assert rates["ran_p50"] == 0.1
    assert 0.5 < rates["ran_p95"] < 1.0
    assert text.out.splitlines()[1].split()[:3] == ["mail", "0.2", "12"]
    assert text.out.splitlines()[1].split()[6:8] == ["2", "ms"]
    assert [each["started"] for each in minutes] == [10, 2]
    assert len(store.run("history", "--by-minute").out.splitlines()) == 3


def test_rates_do_not_go_with_single_deliveries(store: OperatorProject) -> None:
    assert store.run("history", "--rates", "--id", "1").exit_code == 2

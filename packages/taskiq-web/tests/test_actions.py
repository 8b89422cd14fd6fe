"""Every action does what it says, and says what it did."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskiq_core.messages.message_info import MessageState


async def done(stage: Any, path: str, **fields: Any) -> dict[str, Any]:
    response = await stage.post(path, **fields)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_queue_is_paused_and_resumed(stage: Any) -> None:
    await done(stage, "/queues/pause", queue="default")
    assert (await stage.get("/queues"))["queues"]["default"]["is_paused"]

    await done(stage, "/queues/resume", queue="default")
    assert not (await stage.get("/queues"))["queues"]["default"]["is_paused"]


async def test_purge_needs_the_name_of_the_queue(full: Any) -> None:
    wrong = await full.post("/queues/purge", queue="default", typed="mails")

    assert wrong.status_code == 422
    assert (await done(full, "/queues/purge", queue="default", typed="default"))["count"] == 2
    assert (await full.get("/"))["waiting"] == 0


async def test_unknown_queue(stage: Any) -> None:
    assert (await stage.post("/queues/pause", queue="unknown")).status_code == 404


async def test_abort_of_waiting_and_unknown_tasks(full: Any) -> None:
    assert "queued" in (await done(full, "/task/abort", task_id="waiting-1"))["text"]
    unknown = await full.post("/task/abort", task_id="unknown-1")

    assert unknown.status_code == 409
    assert [entry["is_done"] for entry in (await full.get("/audit"))["entries"]] == [False, True]


async def test_delayed_message_is_moved_to_now(full: Any) -> None:
    await done(full, "/task/move", task_id="delayed-1")

    assert (await full.get("/"))["delayed"] == 0
    assert (await full.post("/task/move", task_id="delayed-1")).status_code == 409


async def test_dead_letter_is_replayed(full: Any) -> None:
    letter_id = (await full.get("/dead"))["page"]["letters"][0]["letter_id"]

    await done(full, "/dead/replay", queue="default", letter_id=letter_id)

    assert (await full.get("/dead"))["page"]["letters"] == []
    assert (await full.get("/"))["waiting"] == 2
    again = await full.post("/dead/replay", queue="default", letter_id=letter_id)
    assert again.status_code == 409


async def test_dead_letter_is_edited_and_replayed(full: Any) -> None:
    letter_id = (await full.get("/dead"))["page"]["letters"][0]["letter_id"]

    await done(
        full, "/dead/edit", letter_id=letter_id, args="[]", kwargs='{"order": 7, "note": "again"}'
    )

    found = (await full.get("/task", id="dead-1"))["report"]
    assert found["state"] == "waiting"
    assert found["content"]["kwargs"] == {"order": 7, "note": "again"}
    assert (await full.get("/"))["dead"] == 0


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ("{}", "{}"),
        ("[]", "[]"),
        ("[", "{}"),
        ("[NaN]", "{}"),
        ("[" * 100_000, "{}"),
        ('["not", "an", "order", "of", "four", "or", "more", "x"]', "{}"),
    ],
    ids=range(6),
)
async def test_edited_arguments_that_make_no_sense(full: Any, args: str, kwargs: str) -> None:
    """Nothing is sent, and the letter stays."""
    letter_id = (await full.get("/dead"))["page"]["letters"][0]["letter_id"]

    refused = await full.post("/dead/edit", letter_id=letter_id, args=args, kwargs=kwargs)

    assert refused.status_code == 422
    assert ((await full.get("/"))["dead"], (await full.get("/"))["waiting"]) == (1, 1)


async def until_jobs_end(stage: Any) -> None:
    async with asyncio.timeout(20):
        tasks = [job.task for job in stage.app.state.dashboard.jobs.all()]
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_letters_of_a_filter_are_replayed_at_a_rate(stage: Any) -> None:
    for number in range(30):
        await stage.send("shop:charge", number, task_id=f"c-{number}")
        await stage.bury(error="ValueError: no")
    await stage.send("shop:mail", "a", task_id="m-1")
    await stage.bury(error="KeyError: a")
    groups = (await stage.get("/dead"))["groups"]["groups"]

    await done(stage, "/dead/replay", task="shop:charge", error="ValueError", rate="500")
    await until_jobs_end(stage)

    assert [(each["task_name"], each["count"]) for each in groups] == [
        ("shop:charge", 30),
        ("shop:mail", 1),
    ]
    found = await stage.get("/")
    assert (found["waiting"], found["dead"]) == (30, 1)
    (job,) = (await stage.get("/dead"))["jobs"]
    assert (job["done"], job["end"]) == (30, "done")


async def test_all_letters_need_the_name_of_the_queue(full: Any) -> None:
    assert (await full.post("/dead/purge", queue="default")).status_code == 422

    await done(full, "/dead/purge", queue="default", typed="default")
    await until_jobs_end(full)

    assert (await full.get("/"))["dead"] == 0


async def test_job_is_stopped(stage: Any) -> None:
    for number in range(3):
        await stage.send("shop:charge", number, task_id=f"c-{number}")
        await stage.bury()
    await done(stage, "/dead/replay", task="shop:charge", rate="0.01")

    await done(stage, "/dead/stop", job="1")
    await until_jobs_end(stage)

    assert (await stage.get("/dead"))["jobs"][0]["end"] == "stopped"
    assert (await stage.post("/dead/stop", job="1")).status_code == 404
    assert (await stage.get("/"))["dead"] >= 2


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "x", "1e99"])
async def test_rates_that_make_no_sense(full: Any, rate: str) -> None:
    assert (await full.post("/dead/replay", task="shop:charge", rate=rate)).status_code == 422


async def test_task_is_run_by_a_form_made_of_its_annotations(stage: Any) -> None:
    fields = (await stage.get("/tasks/run", name="shop:charge"))["fields"]

    await done(
        stage,
        "/tasks/run",
        name="shop:charge",
        **{
            "argument-order": "7",
            "argument-currency": "USD",
            "argument-is_gift": "true",
            "argument-extras": "[1, 2]",
        },
    )

    assert [(each["name"], each["kind"], each["is_required"]) for each in fields] == [
        ("order", "integer", True),
        ("currency", "choice", False),
        ("note", "text", False),
        ("is_gift", "boolean", False),
        ("extras", "json", False),
        ("password", "text", False),
    ]
    assert fields[-1]["default"] == ""
    (message,) = (await stage.get("/messages"))["messages"]
    content = (await stage.get("/task", id=message["task_id"]))["report"]["content"]
    assert content["kwargs"] == {
        "order": 7,
        "currency": "USD",
        "is_gift": True,
        "extras": [1, 2],
    }
    assert content["python"].startswith("from shop import charge\n\nawait charge")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"argument-order": ""},
        {"argument-order": "x"},
        {"argument-order": "1", "argument-extras": "["},
        {"argument-order": "1", "delay": "soon"},
        {"args": "[", "kwargs": "{}"},
        {"args": "[1, 2, 3, 4, 5, 6, 7, 8, 9]"},
    ],
    ids=range(7),
)
async def test_arguments_that_make_no_sense(stage: Any, fields: dict[str, str]) -> None:
    refused = await stage.post("/tasks/run", name="shop:charge", **fields)

    assert refused.status_code == 422
    assert (await stage.get("/"))["waiting"] == 0


async def test_task_that_this_process_does_not_have_is_run_with_json(stage: Any) -> None:
    assert not (await stage.get("/tasks/run", name="other:task"))["is_known"]

    await done(stage, "/tasks/run", name="other:task", args="[1]", kwargs='{"a": 2}', delay="60")

    assert (await stage.get("/messages", state="delayed"))["messages"][0][
        "task_name"
    ] == "other:task"


async def test_schedule_is_paused_resumed_sent_and_deleted(full: Any) -> None:
    which = {"source": "0", "schedule_id": "s-1"}

    async def row() -> Any:
        return (await full.get("/schedules"))["sources"][0]["rows"][0]

    await done(full, "/schedules/pause", **which)
    assert not (await row())["is_enabled"]
    await done(full, "/schedules/resume", **which)
    assert (await row())["is_enabled"]
    await done(full, "/schedules/send", **which)
    assert (await full.get("/"))["waiting"] == 2
    await done(full, "/schedules/delete", **which)
    assert (await full.get("/schedules"))["sources"][0]["rows"] == []
    assert (await full.post("/schedules/delete", **which)).status_code == 404


async def test_schedules_are_added(stage: Any) -> None:
    when = [
        {"cron": "0 3 * * mon-fri", "zone": "Europe/Rome"},
        {"interval": "60"},
        {"time": "2130-01-31 12:00"},
    ]
    for each in when:
        await done(stage, "/schedules/add", source="0", name="shop:mail", args='["a"]', **each)

    rows = (await stage.get("/schedules"))["sources"][0]["rows"]
    assert [each["when"] for each in rows] == [
        "0 3 * * mon-fri Europe/Rome",
        "at 2130-01-31 12:00:00 UTC",
        "every 60 s",
    ]
    assert len(rows[0]["coming"]) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cron": "soon"},
        {"cron": "* * * * *", "zone": "Europe/Nowhere"},
        {"interval": "-1"},
        {"interval": "x"},
        {"time": "tomorrow"},
        {"interval": "60", "args": "{}"},
    ],
    ids=range(7),
)
async def test_schedules_that_would_never_fire(stage: Any, fields: dict[str, str]) -> None:
    refused = await stage.post("/schedules/add", source="0", name="shop:mail", **fields)

    assert refused.status_code == 422
    assert (await stage.get("/schedules"))["sources"][0]["rows"] == []


async def test_schedules_of_labels_can_not_be_changed(full: Any, registry: Any) -> None:
    from taskiq_web.application import label_sources

    (source,) = label_sources(full.broker, registry)
    await source.startup()
    full.app.state.dashboard.sources.append(source)
    (row,) = (await full.get("/schedules"))["sources"][1]["rows"]
    which = {"source": "1", "schedule_id": row["schedule_id"]}

    page = await full.html("/schedules")
    refused = await full.post("/schedules/pause", **which)
    sent = await full.post("/schedules/send", **which)

    assert "be changed at run time." in page
    assert refused.status_code == 409
    assert sent.status_code == 200


async def test_actions_that_a_broker_lacks_are_grey_with_the_reason(make_stage: Any) -> None:
    from taskiq_inmemory import InMemoryBroker

    stage = await make_stage()
    capabilities = stage.broker.capabilities
    stage.broker.capabilities = frozenset()
    try:
        page = await stage.html("/queues")
        refused = await stage.post("/queues/pause", queue="default")
        unlisted = await stage.client.get("/messages")
    finally:
        stage.broker.capabilities = capabilities

    assert InMemoryBroker.__name__ not in page
    assert 'disabled title="SQLiteBroker can&#39;t pause a queue."' in page
    assert refused.status_code == 403
    assert "can't pause a queue" in refused.json()["error"]
    assert unlisted.status_code == 501


async def test_audit_tells_who_did_what(full: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="taskiq.web.audit")

    await done(full, "/queues/pause", queue="default")
    await full.post("/queues/purge", queue="default", typed="wrong\nline")

    refused, paused = (await full.get("/audit"))["entries"]
    assert (paused["viewer"], paused["action"], paused["target"]) == (
        "token",
        "queues/pause",
        "default",
    )
    assert (refused["is_done"], refused["count"]) == (False, 0)
    assert datetime.fromisoformat(paused["at"]) > datetime.now(UTC) - timedelta(minutes=1)
    levels = [record.levelname for record in caplog.records if record.name == "taskiq.web.audit"]
    assert levels == ["INFO", "WARNING"]


async def test_form_of_a_browser_is_answered_by_a_page(stage: Any) -> None:
    response = await stage.client.post(
        "/queues/pause", data={"queue": "default"}, follow_redirects=True
    )

    assert response.url.path == "/queues"
    assert "Queue default is paused. Running tasks go on." in response.text


async def test_messages_of_each_state(full: Any) -> None:
    for state, expected in {
        MessageState.WAITING: "waiting-1",
        MessageState.DELIVERED: "running-1",
        MessageState.DELAYED: "delayed-1",
        MessageState.DEAD: "dead-1",
    }.items():
        found = await full.get("/messages", state=state.value)
        assert [each["task_id"] for each in found["messages"]] == [expected]

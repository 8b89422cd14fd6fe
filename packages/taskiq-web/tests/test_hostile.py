"""What users sent is hostile: markup, control characters, endless and endlessly deep values."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from taskiq_inmemory import InMemoryBroker
from taskiq_web import Access
from taskiq_web.reads.content import content_of
from taskiq_web.render.text import visible
from taskiq_web.render.values import MASK, MAX_VALUES, ValueReader

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}</textarea></pre>"
HOSTILE = [
    SCRIPT,
    BREAKOUT,
    "\x1b]0;x\x07",
    "a\u202egpj.exe",
    "x" * 5_000,
    "é\n\r\t😀",
    "javascript:1",
]


class Reader(HTMLParser):
    """Reads a page as a browser does."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_harmless(page: str) -> None:
    """Nothing but our own scripts, no handler, and text that shows what it is."""
    reader = Reader()
    reader.feed(page)
    for tag, attributes in reader.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base")
        assert tag != "script" or str(attributes["src"]).startswith("/static/")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("href", "action", "hx-get"):
            assert str(attributes.get(name) or "/").startswith(("/", "#main"))
    assert "alert(1)>49" not in reader.text
    for hidden in ("\x1b", "\x07", "\u202e", "\r"):
        assert hidden not in reader.text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_in_every_field(stage: Any, worker: Any, text: str) -> None:
    """The name of a task, its id, arguments, labels, key, error, worker, host and query."""
    short = text[:900]
    stage.broker.register_task(lambda *values: None, task_name=short, remark=short)
    await stage.send(short, text, {text: [text]}, task_id=short, remark=text)
    await stage.bury(reason=text, error=f"{text}: {text}")
    await stage.send(short, text, task_id=f"{short}2", remark=text)
    await stage.broker.announce(
        worker("w", host=short, task_names=[short], versions={short: short}, queues=[short]),
        ttl=60,
    )
    letter_id = (await stage.get("/dead"))["page"]["letters"][0]["letter_id"]

    pages = [
        await stage.html("/"),
        await stage.html("/queues"),
        await stage.html("/messages", task=short, key=short),
        await stage.html("/messages", state="dead"),
        await stage.html("/task", id=short),
        await stage.html("/task", id=f"{short}2"),
        await stage.html("/dead", task=short, reason=short, error=short),
        await stage.html("/dead/letter", id=letter_id),
        await stage.html("/workers"),
        await stage.html("/history", task=short),
        await stage.html("/tasks"),
        await stage.html("/tasks/run", name=short),
        await stage.html("/metrics", task=short),
    ]
    refused = await stage.client.get("/dead/letter", params={"id": short})
    pages.append(refused.text)
    await stage.post("/task/abort", task_id=short)
    pages.append(await stage.html("/audit"))

    for page in pages:
        assert_harmless(page)


BODIES = {
    "nothing": b"",
    "not UTF-8": b"\xff\xfe\x00" * 100,
    "not a message": b"[1, 2]",
    "deep": b"[" * 200_000,
    "deep arguments": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {}, "args": ['
        + b"[" * 180
        + b"]" * 180
        + b'], "kwargs": {}}'
    ),
    "ten megabytes": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {}, "args": ["'
        + b"x" * 10_000_000
        + b'"], "kwargs": {}}'
    ),
    "below the limit": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {}, "args": ["'
        + b"x" * 900_000
        + b'"], "kwargs": {}}'
    ),
    "many values": json.dumps(
        {
            "task_id": "raw",
            "task_name": "raw",
            "labels": {},
            "args": [[[]] * 50] * 100,
            "kwargs": {},
        }
    ).encode(),
    "lone surrogate": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {}, "args": ["\\ud800"], "kwargs": {}}'
    ),
    "huge integer": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {}, "args": ['
        + b"9" * 4_000
        + b'], "kwargs": {}}'
    ),
    "not finite": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {}, "args": [NaN, 1e999], "kwargs": {}}'
    ),
    "wrong label": (
        b'{"task_id": "raw", "task_name": "raw", "labels": {"n": "x"}, "labels_types": {"n": 2},'
        b' "args": [], "kwargs": {}}'
    ),
}


@pytest.mark.parametrize("name", BODIES)
async def test_hostile_bytes(stage: Any, name: str) -> None:
    """Pages stay small and quick, and what can't be edited says why."""
    await stage.kick(BODIES[name])
    await stage.kick(BODIES[name])
    await stage.bury()

    waiting = await stage.html("/task", id="raw")
    letters = await stage.get("/dead")
    letter_id = letters["page"]["letters"][0]["letter_id"]
    page = await stage.html("/dead/letter", id=letter_id)
    data = await stage.get("/dead/letter", id=letter_id)
    edited = await stage.post("/dead/edit", letter_id=letter_id, args="[]", kwargs="{}")

    assert len(waiting) < 200_000
    assert len(page) < 200_000
    assert data["content"]["size"] == len(BODIES[name])
    if data["content"]["why_not_editable"]:
        assert edited.status_code == 422
        assert "be edited" in page
    else:
        assert name in ("lone surrogate", "huge integer", "wrong label")


def test_what_can_not_be_seen_is_escaped() -> None:
    assert visible("a\u202eb\x00\x1b[1m\ud800\n") == "a\\u202eb\\x00\\x1b[1m\\ud800\n"
    assert visible("plain é 😀") == "plain é 😀"


def test_values_are_bounded_in_depth_and_number() -> None:
    deep: Any = 0
    for _ in range(10_000):
        deep = [deep]
    reader = ValueReader(Access("x"))

    assert len(json.dumps(reader.read(deep))) < 1_000
    assert reader.is_cut
    reader = ValueReader(Access("x"))
    wide = reader.read([[0] * 100] * 100)
    assert sum(len(row) for row in wide if isinstance(row, list)) <= MAX_VALUES


def test_objects_whose_repr_fails() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert ValueReader(Access("x")).read(Hostile()) == "<Hostile whose repr fails>"


def test_secrets_are_masked_at_any_depth() -> None:
    reader = ValueReader(Access("x"))

    found = reader.read({"user": "ann", "API-Key": 1, "more": [{"db_password": "x", "n": 1}]})

    assert found == {"user": "ann", "API-Key": MASK, "more": [{"db_password": MASK, "n": 1}]}
    assert reader.is_masked


async def test_argument_by_position_is_masked_by_the_name_of_its_parameter(stage: Any) -> None:
    await stage.send("shop:charge", 1, "EUR", "", False, None, "hunter2", task_id="t-1")

    found = await stage.get("/task", id="t-1")

    assert found["report"]["content"]["args"][-1] == MASK
    assert "hunter2" not in await stage.html("/task", id="t-1")
    assert found["report"]["content"]["python"] == ""


async def test_masked_letter_can_not_be_edited(stage: Any) -> None:
    """The mask would be sent as the value."""
    await stage.send("shop:charge", 1, "EUR", "", False, None, "hunter2", task_id="t-1")
    await stage.bury()
    letter_id = (await stage.get("/dead"))["page"]["letters"][0]["letter_id"]

    refused = await stage.post("/dead/edit", letter_id=letter_id, args="[1]", kwargs="{}")

    assert refused.status_code == 422
    assert "masked" in refused.json()["error"]
    assert (await stage.get("/"))["dead"] == 1


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"Password": "hunter2", "broken', False),
        (b"\xff\xfe plain nonsense", True),
        (b'{"blob": "' + b"x" * 2_000_000 + b'"}', False),
    ],
    ids=["names a secret", "nothing secret", "too large"],
)
def test_bytes_that_can_not_be_read_show_no_secret(body: bytes, shown: bool) -> None:
    content = content_of(body, InMemoryBroker(), Access("viewer"), max_size=1_000_000)

    assert (content.raw != MASK) is shown
    assert "hunter2" not in content.raw

"""What an attacker would try, on every route that exists."""

import base64
import re
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from taskiq_web import Access, Action, basic_access, token_access
from taskiq_web.access import UNTYPED
from taskiq_web.routes import ACTIONS, PAGES

TOKEN = "a-token-for-tests-only"
GETS = [f"/{page.path}" for page in PAGES] + ["/events", "/pages/unknown"]
POSTS = [f"/{action.path}" for action in ACTIONS]
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def stranger(stage: Any) -> httpx.AsyncClient:
    """A client without credentials."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(stage.app), base_url="http://dashboard")


async def test_no_page_without_credentials(stranger: httpx.AsyncClient) -> None:
    for path in GETS:
        assert (await stranger.get(path)).status_code == 401


async def test_no_action_without_credentials(stranger: httpx.AsyncClient) -> None:
    for path in POSTS:
        assert (await stranger.post(path, headers=SAME)).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": "taskiq-web="},
        {"Cookie": f"taskiq-web={TOKEN}"},
    ],
)
async def test_wrong_credentials(stranger: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await stranger.get("/", headers=headers)).status_code == 401


@pytest.mark.parametrize("query", ["token=", "token=wrong", f"token={TOKEN}x", "token=%00"])
async def test_wrong_token_in_the_url(stranger: httpx.AsyncClient, query: str) -> None:
    response = await stranger.get(f"/?{query}")

    assert response.status_code == 401
    assert "set-cookie" not in response.headers


async def test_token_of_the_url_becomes_a_cookie_that_no_script_can_read(
    stranger: httpx.AsyncClient,
) -> None:
    response = await stranger.get(f"/queues?token={TOKEN}&a=1")

    assert (response.status_code, response.headers["location"]) == (303, "/queues?a=1")
    cookie = response.headers["set-cookie"]
    assert TOKEN not in cookie
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert (await stranger.get("/queues")).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/", "/\\evil.example"])
async def test_signing_in_leads_to_no_other_host(stage: Any, path: str) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": f"token={TOKEN}".encode(),
        "headers": [(b"host", b"dashboard")],
        "server": ("dashboard", 80),
    }
    await stage.app(scope, None, send)

    location = dict(sent[0]["headers"]).get(b"location", b"/")
    assert location.startswith(b"/")
    assert not location.startswith((b"//", b"/\\"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://dashboard.evil.example"},
        {"Origin": "http://dashboard:81"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://dashboard"},
    ],
    ids=str,
)
async def test_no_action_from_another_site(stage: Any, headers: dict[str, str]) -> None:
    for path in POSTS:
        response = await stage.client.post(path, headers=headers, data={"queue": "default"})

        assert response.status_code == 403
    assert not stage.app.state.dashboard.audit.entries()


async def test_a_cookie_alone_changes_nothing(stranger: httpx.AsyncClient) -> None:
    """A request that says nothing of its origin must bring its credentials itself."""
    await stranger.get(f"/?token={TOKEN}")

    assert (await stranger.post("/queues/pause")).status_code == 403
    assert (await stranger.post("/queues/pause", headers=SAME)).status_code == 303
    here = {"Origin": "http://dashboard"}
    assert (await stranger.post("/queues/resume", headers=here)).status_code == 303


async def test_no_get_changes_anything(stage: Any) -> None:
    for path in POSTS:
        is_page = path in GETS

        response = await stage.client.get(path, params={"queue": "default", "task_id": "x"})

        assert response.status_code in ((200, 400, 404) if is_page else (405,))
        assert not stage.app.state.dashboard.audit.entries()


async def test_forged_methods(stage: Any) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"):
        for path in ("/", "/queues/pause", "/static/style.css"):
            response = await stage.client.request(method, path, headers=SAME)

            assert response.status_code == 405
    assert not stage.app.state.dashboard.audit.entries()


async def test_nothing_is_changed_through_a_method_in_a_field(stage: Any) -> None:
    for path in POSTS:
        override = {"X-HTTP-Method-Override": "POST"}

        response = await stage.client.get(path, headers=override, params={"_method": "POST"})

        assert response.status_code != 303
        assert not stage.app.state.dashboard.audit.entries()


async def test_read_only_dashboard_refuses_every_action(make_stage: Any) -> None:
    stage = await make_stage(read_only=True)
    for path in POSTS:
        response = await stage.post(
            path, queue="default", task_id="x", name="shop:mail", source="0"
        )

        assert response.status_code == 403
        assert "read-only" in response.json()["error"]
    entries = stage.app.state.dashboard.audit.entries()
    assert len(entries) == len(POSTS)
    assert not any(entry.is_done for entry in entries)


async def test_viewer_without_rights_changes_nothing(make_stage: Any) -> None:
    nobody = token_access(TOKEN, actions=frozenset())
    stage = await make_stage(resolver=nobody)
    for path in POSTS:
        response = await stage.post(
            path, queue="default", task_id="x", name="shop:mail", source="0"
        )

        assert response.status_code == 403
    page = await stage.html("/queues")
    assert 'action="/queues/' not in page  # grey buttons only


def test_running_typed_arguments_is_off_by_default() -> None:
    assert frozenset(Action) - UNTYPED == {Action.RUN}
    needs_run = {route.path for route in ACTIONS if route.action is Action.RUN}
    assert needs_run == {"dead/edit", "tasks/run", "schedules/add"}


async def test_headers_of_every_response(full: Any) -> None:
    for path in [*GETS[:-2], "/static/style.css", "/nothing-here"]:
        for accept in ("text/html", "application/json"):
            response = await full.client.get(
                path, params={"id": "running-1", "name": "shop:charge"}, headers={"Accept": accept}
            )

            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["x-frame-options"] == "DENY"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["referrer-policy"] == "same-origin"
            if not path.startswith("/static"):
                assert response.headers["cache-control"] == "no-store"


async def test_no_inline_script_and_no_inline_style(full: Any) -> None:
    """What the policy would block is not there to begin with."""
    for path in GETS[:-2]:
        response = await full.client.get(
            path,
            params={"id": "running-1", "name": "shop:charge"},
            headers={"Accept": "text/html"},
        )
        page = response.text

        assert response.status_code == (404 if path == "/dead/letter" else 200), page
        for script in re.findall(r"<script[^>]*>.*?</script>", page, re.DOTALL):
            assert re.fullmatch(r'<script src="/static/[\w.-]+" defer></script>', script)
        assert not re.search(r"<[^>]+\s(on\w+|style)\s*=", page)
        assert "javascript:" not in page
        assert "<iframe" not in page


@pytest.mark.parametrize("length", [None, "10", "nonsense", "-1"])
async def test_body_that_is_too_large(make_stage: Any, length: str | None) -> None:
    """The header may say what it will: bytes are counted."""
    stage = await make_stage(max_request=1_000)
    sent: list[Any] = []
    chunks = iter([b"queue=" + b"x" * 600, b"x" * 600])

    async def receive() -> Any:
        return {"type": "http.request", "body": next(chunks, b""), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"host", b"dashboard"),
        (b"authorization", f"Bearer {TOKEN}".encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    if length is not None:
        headers.append((b"content-length", length.encode()))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/queues/pause",
        "raw_path": b"/queues/pause",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": headers,
        "server": ("dashboard", 80),
    }
    await stage.app(scope, receive, send)

    assert sent[0]["status"] == 413
    assert not (await stage.get("/queues"))["queues"]["default"]["is_paused"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"queue=default"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("", b"queue=default"),
        ("application/json", b"[1]"),
        ("application/json", b"{" * 100_000),
        ("application/json", b"\xff"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 500)),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
    ],
)
async def test_bodies_that_make_no_sense(stage: Any, kind: str, body: bytes) -> None:
    response = await stage.client.post(
        "/queues/pause", content=body, headers={"Content-Type": kind}
    )

    assert response.status_code in (400, 415)
    assert not (await stage.get("/queues"))["queues"]["default"]["is_paused"]


async def test_query_without_end(stage: Any) -> None:
    assert (await stage.client.get("/messages", params={"task": "x" * 9_000})).status_code == 414


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", ""])
async def test_names_that_lead_here_by_dns_alone(make_stage: Any, host: str) -> None:
    stage = await make_stage(allowed_hosts=("127.0.0.1", "localhost", "[::1]"))

    assert (await stage.client.get("/", headers={"Host": host})).status_code == 421
    for known in ("127.0.0.1:8765", "localhost", "[::1]:8765"):
        assert (await stage.client.get("/", headers={"Host": known})).status_code == 200


async def test_nobody_can_have_a_notice_shown_by_a_link(make_stage: Any) -> None:
    def who(request: Request) -> Access | None:
        return Access(request.headers["x-user"], frozenset(Action))

    stage = await make_stage(resolver=who)
    await stage.client.post("/queues/pause", headers={"X-User": "ann"}, json={"queue": "default"})

    for user, is_shown in (("ann", True), ("bob", False)):
        page = await stage.client.get("/queues?done=1", headers={"X-User": user})
        assert ("is paused. Running" in page.text) is is_shown


async def test_basic_authentication(make_stage: Any) -> None:
    stage = await make_stage(resolver=basic_access({"ann": "long: password", "bob": "other"}))

    async def status(text: bytes) -> int:
        header = f"Basic {base64.b64encode(text).decode()}"
        response = await stage.client.get("/", headers={"Authorization": header})
        if response.status_code == 401:
            assert response.headers["www-authenticate"].startswith("Basic ")
        return int(response.status_code)

    assert await status(b"ann:long: password") == 200
    for wrong in (b"ann:other", b"bob:", b"eve:other", b":", b"", b"\xff:\xff", b"ann"):
        assert await status(wrong) == 401


async def test_resolver_of_the_application_decides_actions_and_masking(make_stage: Any) -> None:
    async def resolve(request: Request) -> Access | None:
        name = request.headers.get("x-user")
        if name is None:
            return None
        actions = frozenset({Action.PAUSE}) if name == "ann" else frozenset[Action]()
        return Access(name, actions, masks_content=name == "guest")

    stage = await make_stage(resolver=resolve)
    await stage.send("shop:mail", "private@example.org", task_id="t-1")
    client = stage.client

    assert (await client.get("/")).status_code == 401
    seen = await client.get("/task?id=t-1", headers={"X-User": "ann"})
    masked = await client.get("/task?id=t-1", headers={"X-User": "guest"})
    paused = await client.post("/queues/pause", json={}, headers={"X-User": "ann"})
    refused = await client.post("/queues/pause", json={}, headers={"X-User": "guest"})
    purge = await client.post("/queues/purge", json={}, headers={"X-User": "ann"})

    assert "private@example.org" in seen.text
    assert "private@example.org" not in masked.text
    assert (paused.status_code, refused.status_code, purge.status_code) == (303, 403, 403)


def test_short_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16 characters"):
        token_access("short")
    with pytest.raises(ValueError, match="names with passwords"):
        basic_access({"ann": ""})


async def test_web_sockets_are_refused(stage: Any) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await stage.app({"type": "websocket", "path": "/events", "headers": []}, None, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]

"""What two viewers see and do in a real browser."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

HOSTILE = "<img src=x onerror=\"document.title='taken over'\"><script>document.title=1</script>"
PAGES = [
    "/",
    "/queues",
    "/messages?state=dead",
    "/task?id={task_id}",
    "/dead",
    "/workers",
    "/history",
    "/schedules",
    "/tasks",
    "/tasks/run?name=shop:charge",
    "/metrics",
    "/plugins",
    "/audit",
]


@pytest.mark.timeout(180)
def test_two_viewers(shop: Any) -> None:
    """Sent, seen running, aborted; edited, replayed; paused, resumed: the other sees it live."""
    ann, bob = shop.windows
    for viewer in (ann, bob):
        viewer.complaints()  # those of other tests

    send_and_abort(ann, bob, str(shop.folder / "gate"))
    edit_and_replay(ann, bob)
    pause_and_resume(ann, bob)

    assert ann.complaints() == []
    assert bob.complaints() == []


def send_and_abort(ann: Any, bob: Any, gate: str) -> None:
    """A task is sent by its form, seen running, and aborted."""
    bob.open("/workers")
    bob.sees("No task runs at the moment.")
    assert bob.reloads() == 0
    ann.open("/tasks/run?name=shop:wait")
    ann.type("input[name=argument-gate]", gate)
    ann.press("Run")
    ann.sees("running", "#state")
    bob.sees("shop:wait")
    bob.press("Abort")
    ann.sees("aborted", ".timeline")
    bob.open("/workers")
    bob.sees("No task runs at the moment.")


def edit_and_replay(ann: Any, bob: Any) -> None:
    """A dead letter is edited and replayed; hostile arguments are text."""
    bob.open("/dead")
    bob.sees("has no dead letters")
    assert bob.reloads() == 0
    ann.open("/tasks/run?name=shop:charge")
    ann.type("input[name=argument-order]", "-1")
    ann.type("input[name=argument-note]", HOSTILE)
    ann.press("Run")
    ann.sees("Buried")
    ann.sees("<img src=x onerror=")
    assert "taken over" not in ann.driver.title
    bob.sees("shop:charge")
    assert bob.reloads() == 1
    bob.find("tbody th a[href*='dead/letter']").click()
    bob.sees("Edit and replay")
    bob.sees("<script>document.title=1</script>")
    assert ann.driver.find_elements(By.CSS_SELECTOR, "main img, main script") == []
    bob.type("textarea[name=kwargs]", '{"order": 7, "note": "edited"}')
    bob.press("Send with these arguments")
    bob.sees("was sent with the edited arguments", "#notice")
    bob.sees("charged 7 EUR")
    ann.sees("charged 7 EUR")


def pause_and_resume(ann: Any, bob: Any) -> None:
    """A queue is paused and resumed."""
    bob.open("/")
    bob.sees("What is wrong")
    assert bob.reloads() == 0
    ann.open("/queues")
    ann.press("Pause")
    ann.sees("is paused. Running tasks go on.", "#notice")
    bob.sees("is paused.")
    ann.press("Resume")
    ann.sees("hands out messages again", "#notice")
    bob.misses("is paused.")
    assert bob.reloads() == 1


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shop", ["redis"], indirect=True)
def test_store_that_goes_away_and_comes_back(shop: Any) -> None:
    """A page that is open says so, and goes on by itself."""
    ann = shop.windows[0]
    ann.open("/queues")
    ann.sees("live", "#live")

    shop.server.kill()
    ann.sees("That was not done")
    ann.sees("away", "#live")

    asyncio.run(shop.server.start())
    ann.sees("Waiting", "main")
    ann.sees("live", "#live")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_pages_are_accessible(shop: Any) -> None:
    """No serious finding of axe, light and dark, on a desk and on a phone; usable by keyboard."""
    ann = shop.windows[0]
    ann.open("/tasks/run?name=shop:charge")
    ann.type("input[name=argument-order]", "-1")
    ann.press("Run")
    ann.sees("Buried")
    task_id = ann.driver.current_url.partition("id=")[2].partition("&")[0]
    spec = find_spec("axe_core_python")
    assert spec is not None
    assert spec.origin is not None
    axe = (Path(spec.origin).parent / "axe.min.js").read_text()

    for scheme, width in (("light", 1280), ("dark", 390)):
        ann.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        ann.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
        )
        for page in PAGES:
            ann.open(page.format(task_id=quote(task_id)))
            assert findings_of(ann.driver, axe) == [], f"{page} {scheme}"
            wide = ann.driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{page} is wider than its window: {wide}"

    ann.open("/queues")
    ann.find("body").send_keys(Keys.TAB)
    assert ann.driver.switch_to.active_element.text == "Skip to the content"
    ann.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert ann.driver.switch_to.active_element.get_attribute("id") == "main"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_focus_stays_with_its_row(shop: Any) -> None:
    """A button that has the focus is not that of another row when rows above it go."""
    ann, bob = shop.windows
    for _ in range(2):
        ann.open("/tasks/run?name=shop:charge")
        ann.type("input[name=argument-order]", "1")
        ann.type("input[name=delay]", "600")
        ann.press("Run")
        ann.sees("delayed", "#state")
    bob.open("/messages?state=delayed")
    bob.sees("shop:charge")
    last = bob.driver.find_elements(By.CSS_SELECTOR, "tbody button.danger")[-1]
    bob.driver.execute_script("arguments[0].focus()", last)

    ann.open("/messages?state=delayed")
    ann.press("Deliver now", "tbody")
    ann.sees("is not delayed any more", "#notice")
    until(lambda: len(bob.driver.find_elements(By.CSS_SELECTOR, "tbody tr")) == 1, "one row")

    assert bob.driver.switch_to.active_element == last


EVIL = """<!doctype html><title>evil</title>
<iframe name="target"></iframe><iframe id="framed" src="{base}/queues"></iframe>
<form method="post" action="{base}/queues/pause" target="target">
<input name="queue" value="default"></form>
<script>
document.forms[0].submit();
const options = {{method: "POST", mode: "no-cors", credentials: "include"}};
fetch("{base}/queues/pause", {{...options, body: new URLSearchParams({{queue: "default"}})}})
  .finally(() => {{ document.title = "tried"; }});
</script>"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_page_of_another_origin_changes_and_frames_nothing(shop: Any) -> None:
    """The other origin is of the same site, another port: so the browser sends the cookie along."""
    ann = shop.windows[0]
    ann.open("/audit")
    before = ann.find("main").text
    ann.open("/queues")
    ann.sees("open", "tbody")

    with evil_server(EVIL.format(base=ann.base)) as url:
        ann.driver.get(url)
        until(lambda: ann.driver.title == "tried", "the attack")
        for frame in ("target", "framed"):
            ann.driver.switch_to.frame(frame)
            assert "Queues" not in ann.driver.find_element(By.TAG_NAME, "body").text
            ann.driver.switch_to.default_content()

    assert any("frame-ancestors 'none'" in each for each in ann.complaints())
    ann.open("/queues")
    assert "paused" not in ann.find("tbody").text
    ann.open("/audit")
    assert ann.find("main").text == before


def until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@contextmanager
def evil_server(page: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def findings_of(driver: Any, axe: str) -> list[str]:
    """The serious and critical findings of a page, with the elements that they are about."""
    driver.execute_script(axe)  # by the debugger: the page's policy does not let a script in
    found = driver.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations))"
    )
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
def test_without_javascript(shop: Any) -> None:
    """Everything works but liveness."""
    ann = shop.windows[0]
    ann.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        ann.open("/queues")
        assert "not live" in ann.find("#live").text
        ann.find("form[action$='queues/pause'] button").click()
        ann.sees("is paused. Running tasks go on.", "#notice")
        ann.find("form[action$='queues/resume'] button").click()
        ann.sees("hands out messages again", "#notice")
    finally:
        ann.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

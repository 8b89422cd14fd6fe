"""A real browser, a real dashboard process, real workers, on a file and on a Redis server."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement

from taskiq_core.plugins.urls import broker_from_url
from taskiq_testservers.redis_server import RedisServer

_T = TypeVar("_T")
CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
TOKEN = "a-token-for-the-browser"
PATIENCE = 30.0
WORKER = ("worker", "tkq:broker", "--workers", "1", "--log-level", "CRITICAL")

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
)

APPLICATION = """
import asyncio
from pathlib import Path
from typing import Literal

from taskiq_core.exceptions import TaskRejectedError
from taskiq_core.plugins import broker_from_url

broker = broker_from_url()


@broker.task(task_name="shop:charge")
async def charge(order: int, currency: Literal["EUR", "USD"] = "EUR", note: str = "") -> str:
    \"\"\"Charge an order.\"\"\"
    if order < 0:
        raise TaskRejectedError
    return f"charged {order} {currency}"


@broker.task(task_name="shop:wait")
async def wait(gate: str) -> None:
    while not Path(gate).exists():
        await asyncio.sleep(0.02)
"""


def until(look: Callable[[], _T | None], what: str) -> _T:
    """What `look` returns, as soon as it is something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            found = look()
        except Exception as error:  # an element that was replaced while it was read
            if "stale element" not in str(error) and "no such element" not in str(error):
                raise
            found = None
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


class Window:
    """A browser with one page."""

    def __init__(self, driver: WebDriver, base: str) -> None:
        self.driver, self.base = driver, base

    def open(self, path: str) -> None:
        self.driver.get(f"{self.base}{path}")

    def reloads(self) -> int:
        """How often the document was loaded; the mark of the first one is gone after a reload."""
        marked = self.driver.execute_script(
            "const was = window.marked; window.marked = (was || 0) + 1; return was || 0"
        )
        return int(marked)

    def find(self, css: str) -> WebElement:
        return until(lambda: self.driver.find_element(By.CSS_SELECTOR, css), f"an element {css}")

    def sees(self, text: str, css: str = "body") -> None:
        """Wait for a text."""
        self._or_page(lambda: text in self.find(css).text, f"the text {text!r}")

    def _or_page(self, look: Callable[[], bool], what: str) -> None:
        try:
            until(look, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; the page has:\n{self.find('body').text}") from None

    def misses(self, text: str, css: str = "main") -> None:
        """Wait for a text to go."""
        until(lambda: text not in self.find(css).text, f"the end of the text {text!r}")

    def press(self, label: str, css: str = "main") -> None:
        """Press the first button or summary with a label."""
        path = f".//*[self::button or self::summary][normalize-space()={label!r}]"

        def press() -> bool:
            self.find(css).find_element(By.XPATH, path).click()
            return True

        self._or_page(press, f"a button {label!r}")

    def type(self, css: str, text: str) -> None:
        field = self.find(css)
        field.clear()
        field.send_keys(text)

    def complaints(self) -> list[str]:
        """What the browser has blocked, and errors of scripts."""
        entries: list[dict[str, Any]] = self.driver.get_log("browser")
        return [
            entry["message"]
            for entry in entries
            if "Content Security Policy" in entry["message"]
            or ("Uncaught" in entry["message"] and "fetch" not in entry["message"])
        ]


def start_browser(profile: Path) -> WebDriver:
    if CHROMIUM is None or CHROMEDRIVER is None:
        message = (
            "NO BROWSER: apt-get install chromium chromium-driver, to test the dashboard in it"
        )
        if os.environ.get("TASKIQ_TESTS_NEED_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    options = Options()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    driver.set_page_load_timeout(PATIENCE)
    return driver


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WebDriver]]:
    """Two browsers that know nothing of each other."""
    drivers: list[WebDriver] = []
    try:
        drivers += [start_browser(tmp_path_factory.mktemp("profile")) for _ in range(2)]
        yield drivers
    finally:
        for driver in drivers:
            driver.quit()


@dataclass
class Shop:
    """A dashboard with workers behind it.

    Attributes:
        windows: of two viewers, signed in.
        folder: of the application.
        server: the Redis server; None on a file.
    """

    windows: list[Window]
    folder: Path
    server: RedisServer | None


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def shop(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    browsers: list[WebDriver],
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "tkq.py").write_text(APPLICATION)
    with ExitStack() as stack:
        server: RedisServer | None = None
        url = f"sqlite:///{folder}/tasks.db?history=1000"
        if request.param == "redis":
            server = RedisServer(folder / "redis")
            stack.callback(server.kill)
            asyncio.run(server.start())
            url = f"{server.url}?history=1000"
        asyncio.run(start_once(url))
        env = {**os.environ, "TASKIQ_BROKER_URL": url, "TASKIQ_WEB_TOKEN": TOKEN}
        web = ["web", "tkq:broker", "--port", "0", "--allow-run", "--interval", "0.3"]
        stack.enter_context(command(folder, env, *WORKER))
        dashboard = stack.enter_context(command(folder, env, *web))
        assert dashboard.stdout is not None
        found = re.search(r"(http://\S+)/\?", dashboard.stdout.readline())
        assert found is not None
        windows = [Window(driver, found[1]) for driver in browsers]
        for window in windows:
            window.open(f"/?token={TOKEN}")
        yield Shop(windows, folder, server)


async def start_once(url: str) -> None:
    """Make the store: `taskiq web` makes none."""
    async with broker_from_url(url):
        pass


@contextmanager
def command(
    folder: Path, env: dict[str, str], *arguments: str
) -> "Iterator[subprocess.Popen[str]]":
    """A command of `taskiq` that runs until it is left."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "taskiq_cli", *arguments],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()

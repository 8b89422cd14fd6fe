"""The example of the page on plugins keeps the contract that it declares."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ROOT

from taskiq_testkit import BrokerContract, BrokerFactory, ResultBackendContract

sys.path.insert(0, str(ROOT / "examples/taskiq-spool/src"))

from taskiq_spool import SpoolBroker, SpoolResultBackend


class TestSpoolBroker(BrokerContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"spool://{tmp_path}"

    @pytest.fixture
    def broker(self, url: str) -> SpoolBroker:
        return SpoolBroker.from_url(url)

    @pytest.fixture
    def make_broker(self, url: str) -> Callable[[], SpoolBroker]:
        return lambda: SpoolBroker.from_url(url)

    @pytest.fixture
    def broker_factory(self, url: str) -> BrokerFactory:
        return BrokerFactory("taskiq_spool:SpoolBroker.from_url", url)


class TestSpoolResultBackend(ResultBackendContract):
    compares_fences = False  # a broker without leases has no fences to compare
    keeps_progress = False

    @pytest.fixture
    def result_backend(self, tmp_path: Path) -> SpoolResultBackend:
        return SpoolResultBackend(tmp_path)

    @pytest.fixture
    def make_result_backend(self, tmp_path: Path) -> Callable[[], SpoolResultBackend]:
        return lambda: SpoolResultBackend(tmp_path)


def test_the_page_shows_the_example_as_it_is() -> None:
    """Each line of its snippets is one of the example's, or of this file."""
    page = (ROOT / "docs/plugins.md").read_text()
    sources = [*(ROOT / "examples/taskiq-spool/src").rglob("*.py"), Path(__file__)]
    known = {line.strip() for source in sources for line in source.read_text().splitlines()}

    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    lines = {line.strip() for snippet in snippets for line in snippet.splitlines()}
    assert lines - known == set()

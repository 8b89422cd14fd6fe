from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.operator_project import OperatorProject

URLS = ["store:///{folder}/tasks.store"]
"""Brokers with the capabilities QUEUES, INSPECT, PRESENCE, PAUSE and HISTORY."""


@pytest.fixture(params=URLS, ids=[url.partition(":")[0] for url in URLS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OperatorProject]:
    store = OperatorProject(tmp_path / "project", request.param)
    yield store
    store.clean_up()

"""What the hostile trials share; `nox -s hostile` tries more of the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskiq_testservers.hostile.canary import VARIABLE, canary
from taskiq_testservers.hostile.scale import Scale, scale


@pytest.fixture(name="scale")
def the_scale() -> Scale:
    return scale()


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder that hostile input would make does not exist at the end."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "canary"))
    yield
    assert not canary().exists(), "hostile input was executed"

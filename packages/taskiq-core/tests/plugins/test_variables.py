"""Variables that nobody reads, and that look like one that is read."""

import pytest

from taskiq_core.plugins.urls import EMBEDDED_URL, default_broker_url
from taskiq_core.plugins.variables import misspelt_variables


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TASKIQ_BROKER_ULR", "TASKIQ_BROKER_URL"),
        ("TASKIQ_BROKERURL", "TASKIQ_BROKER_URL"),
        ("TASKQ_RESULT_BACKEND_URL", "TASKIQ_RESULT_BACKEND_URL"),
        ("TASKIQ_DISABLED_PLUGINS", "TASKIQ_DISABLE_PLUGINS"),
    ],
)
def test_slips_are_found(name: str, meant: str) -> None:
    assert misspelt_variables([name, "PATH"]) == {name: meant}


@pytest.mark.parametrize("name", ["TASKIQ_BROKER_URL", "TASKIQ_REDIS_URL", "MY_BROKER_URL"])
def test_others_are_left_alone(name: str) -> None:
    assert misspelt_variables([name]) == {}


def test_program_is_warned_that_its_url_is_not_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TASKIQ_BROKER_URL", raising=False)
    monkeypatch.setenv("TASKIQ_BROKER_ULR", "redis://localhost")

    assert default_broker_url() == EMBEDDED_URL
    [message] = caplog.messages
    assert message == (
        "sqlite:///taskiq.db is used, as TASKIQ_BROKER_URL is not set. "
        "Is TASKIQ_BROKER_ULR misspelt?"
    )

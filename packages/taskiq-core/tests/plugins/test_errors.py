"""Every error of the plugins says what happened and what to do, and survives pickle and copy."""

import copy
import pickle
from collections.abc import Iterator

import pytest

from taskiq_core.plugins import errors
from taskiq_core.plugins.errors import PluginError

PLUGIN = {"plugin": "acme", "distribution": "acme-queue", "version": "1.0"}
WHY = {"reason": "so it is", "cure": "Do it."}

MESSAGES = [
    (errors.PluginError(), "Base exception for all plugin errors"),
    (
        errors.PluginSpecError(spec="BrokerSpec('a')", field="name", value="'A'", problem="is bad"),
        "BrokerSpec('a'): name 'A' is bad",
    ),
    (
        errors.PluginSettingsError(file="pyproject.toml", key="tool.taskiq", problem="is bad"),
        "pyproject.toml: tool.taskiq: is bad",
    ),
    (
        errors.RequiredPluginError(plugin="acme", **WHY),
        "The plugin 'acme' is required, but so it is. Do it.",
    ),
    (
        errors.PluginTargetError(wanted="broker 'acme'", **PLUGIN, **WHY),
        "The broker 'acme' of the plugin 'acme' (acme-queue 1.0) can't be used: so it is. Do it.",
    ),
    (
        errors.NotProvidedError(wanted="broker 'acme'", known="none", cure="Do it."),
        "There is no broker 'acme'. Known are: none. Do it.",
    ),
    (
        errors.PluginUnavailableError(wanted="broker 'acme'", status="broken", **PLUGIN, **WHY),
        "There is no broker 'acme': the plugin 'acme' (acme-queue 1.0) is broken: so it is. Do it.",
    ),
    (
        errors.BrokerUrlError(noun="broker", reason="so it is"),
        "The URL of the broker can't be used: so it is",
    ),
]


@pytest.mark.parametrize(("error", "message"), MESSAGES)
def test_message_pickle_and_copy(error: PluginError, message: str) -> None:
    for same in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is type(error)
        assert str(same) == message


def test_every_error_is_here() -> None:
    assert {type(error) for error, _ in MESSAGES} == set(_tree(PluginError))


def _tree(root: type[PluginError]) -> Iterator[type[PluginError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)

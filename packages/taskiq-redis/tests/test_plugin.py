"""The plugin registers what the package has."""

import subprocess
import sys
from importlib import import_module

import pytest

import taskiq_redis
from taskiq_redis.plugin import taskiq_register_brokers


def test_capabilities_of_the_specs_are_those_of_the_classes() -> None:
    for spec in taskiq_register_brokers():
        module, _, name = spec.factory.partition(":")
        assert getattr(import_module(module), name).capabilities == spec.capabilities


def test_every_public_name_is_there() -> None:
    assert [getattr(taskiq_redis, name) for name in taskiq_redis.__all__]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = taskiq_redis.nothing  # type: ignore[attr-defined]


def test_listing_plugins_imports_no_client_library() -> None:
    program = (
        "import sys; from taskiq_core.plugins import load_plugins; load_plugins();"
        "sys.exit('redis' in sys.modules or 'hiredis' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

"""A plugin package, installed by pip and listed by a Python of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
from taskiq_core.plugins import BrokerSpec, hookimpl

TASKIQ_PLUGIN_API = (1, 0)


@hookimpl
def taskiq_register_brokers() -> list[BrokerSpec]:
    return [BrokerSpec("acme", schemes=("acme",), factory="acme_queue.broker:AcmeBroker")]
"""

LISTING = """
import json, sys
from taskiq_core.plugins import load_plugins

registry = load_plugins()
print(json.dumps({
    "plugins": [[p.name, p.distribution, p.version, p.status] for p in registry.plugins],
    "schemes": [scheme for spec in registry.brokers.values() for scheme in spec.schemes],
    "modules": sorted(sys.modules),
}))
"""


def run(code: str, site: Path) -> str:
    environ = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def site(build_wheel: Callable[..., Path], tmp_path: Path) -> Path:
    pytest.importorskip("pip")
    wheel = build_wheel(
        "acme-queue",
        plugins={"acme": "acme_queue.plugin"},
        modules={
            "acme_queue/__init__.py": "",
            "acme_queue/plugin.py": PLUGIN,
            "acme_queue/broker.py": "import acme_client_library",
        },
    )
    site = tmp_path / "site"
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(wheel)]
    subprocess.run(command, check=True)
    return site


def test_listing_imports_no_broker_and_nothing_heavy(site: Path) -> None:
    listed: dict[str, Any] = json.loads(run(LISTING, site))

    assert ["acme", "acme-queue", "1.0", "ok"] in listed["plugins"]
    assert "acme" in listed["schemes"]
    assert "acme_queue.plugin" in listed["modules"]
    heavy = {"acme_queue.broker", "pydantic", "asyncio", "taskiq_core.broker", "zmq", "click"}
    assert not heavy & set(listed["modules"])


def test_importing_the_plugin_api_is_cheap(tmp_path: Path) -> None:
    code = "import sys, taskiq_core.plugins; print(*sys.modules)"

    modules = set(run(code, tmp_path).split())

    heavy = {"pydantic", "asyncio", "importlib.metadata", "tomllib", "pathlib", "email"}
    assert not heavy & modules


def test_every_public_name_is_there() -> None:
    from taskiq_core import plugins

    for name in plugins.__all__:
        assert getattr(plugins, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = plugins.nothing

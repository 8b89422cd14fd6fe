"""What the package says it has is what it has, and saying it imports nothing heavy."""

import subprocess
import sys
from importlib import import_module

import taskiq_pgsql
from taskiq_core.plugins import broker_from_url, result_backend_from_url
from taskiq_pgsql import PostgresBroker, PostgresResultBackend, plugin
from taskiq_pgsql.options import CAPABILITIES


def test_every_public_name_is_there() -> None:
    for name in taskiq_pgsql.__all__:
        assert getattr(taskiq_pgsql, name).__name__ == name
    assert set(taskiq_pgsql._HOMES) == set(taskiq_pgsql.__all__)


def test_the_plugin_declares_what_the_broker_can_do() -> None:
    [spec] = plugin.taskiq_register_brokers()

    assert spec.capabilities == PostgresBroker.capabilities
    assert spec.capabilities == CAPABILITIES


def test_loading_the_plugin_imports_no_client_library() -> None:
    code = "import sys, taskiq_pgsql.plugin; sys.exit('asyncpg' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_urls_make_a_broker_and_a_backend() -> None:
    broker = broker_from_url("postgres://u:secret@db:5433/app?lease=5&schema=jobs&sslmode=require")
    backend = result_backend_from_url("postgresql:///app?host=/tmp&result_ttl=5")

    assert isinstance(broker, PostgresBroker)
    assert (broker.lease, broker.database.server.schema) == (5.0, "jobs")
    assert repr(broker) == "PostgresBroker(db:5433/app, queue_name='default')"
    assert isinstance(backend, PostgresResultBackend)
    assert (backend.result_ttl, repr(backend)) == (5.0, "PostgresResultBackend(/tmp/app)")


def test_every_target_can_be_imported() -> None:
    hooks = (plugin.taskiq_register_result_backends, plugin.taskiq_register_schedule_sources)
    for spec in (each for hook in hooks for each in hook()):
        module, _, name = spec.factory.partition(":")
        assert name in import_module(module).__all__
    [command] = plugin.taskiq_register_commands()
    module, _, name = command.target.partition(":")
    assert getattr(import_module(module), name).name == "pgsql"

"""What the package says it has is what it has, and saying it imports nothing heavy."""

import subprocess
import sys

import taskiq_sqlite
from taskiq_core.plugins import broker_from_url, result_backend_from_url
from taskiq_sqlite import SQLiteBroker, SQLiteResultBackend, plugin
from taskiq_sqlite.options import CAPABILITIES


def test_every_public_name_is_there() -> None:
    for name in taskiq_sqlite.__all__:
        assert getattr(taskiq_sqlite, name).__name__ == name
    assert set(taskiq_sqlite._HOMES) == set(taskiq_sqlite.__all__)


def test_the_plugin_declares_what_the_broker_can_do() -> None:
    [spec] = plugin.taskiq_register_brokers()

    assert spec.capabilities == SQLiteBroker.capabilities
    assert spec.capabilities == CAPABILITIES


def test_loading_the_plugin_imports_no_database() -> None:
    code = "import sys, taskiq_sqlite.plugin; sys.exit('sqlite3' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_urls_make_a_broker_and_a_backend() -> None:
    broker = broker_from_url("sqlite:////tmp/t.db?lease=5&synchronous=full")
    backend = result_backend_from_url("sqlite:///t.db?result_ttl=5")

    assert isinstance(broker, SQLiteBroker)
    assert (broker.lease, str(broker.database.path)) == (5.0, "/tmp/t.db")
    assert isinstance(backend, SQLiteResultBackend)
    assert (backend.result_ttl, backend.database.path.is_absolute()) == (5.0, True)


def test_every_target_can_be_imported() -> None:
    for hook in (plugin.taskiq_register_result_backends, plugin.taskiq_register_schedule_sources):
        for spec in hook():
            module, _, name = spec.factory.partition(":")
            assert name in sys.modules[module].__all__

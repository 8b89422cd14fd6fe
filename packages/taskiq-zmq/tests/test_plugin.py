"""What the package says it has is what it has, and saying it imports nothing heavy."""

import subprocess
import sys

import taskiq_zmq
from taskiq_core.plugins import broker_from_url
from taskiq_zmq import DeliveryMode, ZeroMQBroker, plugin
from taskiq_zmq.options import CAPABILITIES


def test_every_public_name_is_there() -> None:
    for name in taskiq_zmq.__all__:
        assert getattr(taskiq_zmq, name).__name__ == name
    assert set(taskiq_zmq._HOMES) < set(taskiq_zmq.__all__)


def test_the_plugin_declares_what_the_broker_can_do() -> None:
    [spec] = plugin.taskiq_register_brokers()

    assert spec.capabilities == CAPABILITIES[DeliveryMode.EXCLUSIVE]
    assert spec.factory == "taskiq_zmq:ZeroMQBroker"


def test_loading_the_plugin_does_not_import_zeromq() -> None:
    code = "import sys, taskiq_zmq.plugin; sys.exit('zmq' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_declared_schemes_make_a_broker() -> None:
    [spec] = plugin.taskiq_register_brokers()

    for scheme in spec.schemes:
        assert isinstance(broker_from_url(f"{scheme}://127.0.0.1:5555"), ZeroMQBroker)


def test_commands_are_told_that_they_can_not_see_the_queue() -> None:
    """What `taskiq queue` and `taskiq result` print, in place of asking."""
    from taskiq_zmq import ZeroMQBroker, ZeroMQResultBackend

    assert "in the memory of the program that sends the tasks" in ZeroMQBroker.private_to_process
    assert "broker.stats()" in ZeroMQBroker.private_to_process
    assert "result_backend=..." in ZeroMQResultBackend.private_to_process

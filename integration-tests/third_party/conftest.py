"""Private servers on free ports."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from taskiq_testservers.commands import find_free_port


@contextmanager
def running(
    command: list[str],
    port: int,
    env: dict[str, str] | None = None,
) -> Iterator[None]:
    """A private server, from when it answers until the test is over."""
    # Debian's own start of RabbitMQ is for the service; the plain one is in a folder of its own.
    binary = shutil.which(command[0], path=f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}")
    if binary is None:
        # On a machine of one's own that is no fault; where changes are merged it is.
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"{command[0]} is not on this machine: install it, these tests need it")
        raise AssertionError
    with subprocess.Popen(
        [binary, *command[1:]],
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            _wait_for(port)
            yield
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"nothing answers at port {port}")


@pytest.fixture
def redis() -> Iterator[str]:
    port = find_free_port()
    with running(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], port):
        yield f"redis://127.0.0.1:{port}"


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[str]:
    port = find_free_port()
    options = ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path / "nats")]
    with running(["nats-server", *options], port):
        yield f"nats://127.0.0.1:{port}"


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[str]:
    port, folder = find_free_port(), tmp_path / "rabbitmq"
    folder.mkdir()
    env = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"taskiq{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(find_free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
    }
    with running(["rabbitmq-server"], port, env):
        yield f"amqp://guest:guest@127.0.0.1:{port}/"

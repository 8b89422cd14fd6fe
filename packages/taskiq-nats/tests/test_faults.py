"""What happens when the server refuses, is gone, or comes back."""

import asyncio
import time
from pathlib import Path

import pytest
import trustme

from taskiq_core.exceptions import LeaseLostError
from taskiq_core.messages.message import BrokerMessage
from taskiq_core.messages.result import TaskiqResult
from taskiq_nats import JetStreamBroker, JetStreamResultBackend
from taskiq_nats.errors import (
    MessageTooLargeError,
    NatsLoginError,
    NatsSetupError,
    NatsStreamError,
    NatsTimeoutError,
    NatsUnreachableError,
    ResultTooLargeError,
)
from taskiq_testservers.nats_server import NatsServer
from taskiq_testservers.redis_server import find_free_port

BACK = 2.0
"""Seconds after a restart of the server within which all goes on."""


def message(task_id: str = "id", body: bytes = b"{}") -> BrokerMessage:
    return BrokerMessage(task_id=task_id, task_name="task", message=body, labels={})


async def test_worker_is_back_within_two_seconds_of_a_restart(server: NatsServer) -> None:
    async with JetStreamBroker.from_url(server.url) as broker:
        deliveries = broker.listen()
        await broker.kick(message())
        await (await anext(deliveries)).ack()
        waiting = asyncio.ensure_future(anext(deliveries))
        await server.restart()
        back = time.monotonic()

        async with JetStreamBroker.from_url(server.url) as client:
            await client.kick(message())
        delivery = await waiting

        assert time.monotonic() - back < BACK
        await delivery.ack()
        await deliveries.aclose()


async def test_unreachable_server() -> None:
    broker = JetStreamBroker(f"nats://user:secret@127.0.0.1:{find_free_port()}")

    with pytest.raises(NatsUnreachableError) as caught:
        await broker.startup()

    assert "secret" not in str(caught.value)
    await broker.shutdown()


async def test_another_host_is_used_if_the_first_is_gone(server: NatsServer) -> None:
    url = f"nats://127.0.0.1:{find_free_port()},127.0.0.1:{server.port}"

    async with JetStreamBroker.from_url(url) as broker:
        await broker.kick(message())


async def test_wrong_password_is_a_wrong_setup(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, "--user", "app", "--pass", "right") as server:
        broker = JetStreamBroker(server.url.replace("//", "//app:wrong@"))
        with pytest.raises(NatsLoginError) as caught:
            await broker.startup()
        await broker.shutdown()

        async with JetStreamBroker(server.url.replace("//", "//app:right@")) as right:
            await right.kick(message())

    assert "wrong" not in str(caught.value)


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, str]:
    """The files of an authority, and of a server that it trusts."""
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    paths = {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(paths["ca"])
    own.cert_chain_pems[0].write_to_path(paths["cert"])
    own.private_key_pem.write_to_path(paths["key"])
    return paths


async def test_tls_with_a_certificate_that_is_checked(
    tmp_path: Path, certificates: dict[str, str]
) -> None:
    options = ("--tls", "--tlscert", certificates["cert"], "--tlskey", certificates["key"])
    async with NatsServer(tmp_path / "nats", *options) as server:
        url = server.url.replace("nats://", "nats+tls://")
        async with JetStreamBroker.from_url(f"{url}?tls_ca_file={certificates['ca']}") as broker:
            await broker.kick(message())
            assert (await broker.stats()).waiting == 1

        stranger = JetStreamBroker.from_url(url)
        with pytest.raises(NatsUnreachableError, match="certificate"):
            await stranger.startup()
        await stranger.shutdown()


async def test_missing_queue_is_not_created_by_an_operator(url: str) -> None:
    broker = JetStreamBroker.from_url(url)
    broker.may_create = False

    with pytest.raises(NatsSetupError, match="taskiq-now-"):
        await broker.startup()

    await broker.shutdown()


async def test_stream_that_was_deleted_is_named(url: str) -> None:
    async with JetStreamBroker.from_url(url) as broker:
        await broker.queue.connection.api(f"STREAM.DELETE.{broker.queue.names.now}")

        with pytest.raises(NatsStreamError, match="creates the stream"):
            await broker.kick(message())


async def test_server_that_stands_is_given_up_in_time(server: NatsServer) -> None:
    async with JetStreamBroker.from_url(f"{server.url}?request_timeout=0.3") as broker:
        server.pause()
        with pytest.raises(NatsTimeoutError):
            await broker.kick(message())
        server.go_on()


async def test_late_worker_does_not_take_the_message_of_the_next(server: NatsServer) -> None:
    """The server would let it: it does not compare acknowledgements."""
    url = f"{server.url}?lease=0.5"
    async with JetStreamBroker.from_url(url) as late, JetStreamBroker.from_url(url) as next_one:
        first, second = late.listen(), next_one.listen()
        await late.kick(message())
        held = await anext(first)
        owned = await anext(second)

        with pytest.raises(LeaseLostError):
            await held.ack()

        assert (owned.attempt, (await late.stats()).delivered) == (2, 1)
        await owned.ack()
        await first.aclose()
        await second.aclose()


async def test_what_the_server_does_not_take_is_refused(url: str) -> None:
    async with JetStreamBroker.from_url(url) as broker:
        with pytest.raises(MessageTooLargeError):
            await broker.kick(message(body=bytes(2_000_000)))
        result = TaskiqResult[str](is_err=False, return_value="x" * 2_000_000, execution_time=0)
        assert isinstance(broker.result_backend, JetStreamResultBackend)
        with pytest.raises(ResultTooLargeError):
            await broker.result_backend.set_result("id", result)


async def test_waiting_caller_survives_a_restart(server: NatsServer) -> None:
    backend = JetStreamResultBackend[int].from_url(server.url)
    await backend.startup()
    waiting = asyncio.ensure_future(backend.wait("id"))
    await asyncio.sleep(0)

    await server.restart()
    await backend.set_result(
        "id", TaskiqResult[int](is_err=False, return_value=7, execution_time=0)
    )

    assert (await waiting).return_value == 7
    await backend.shutdown()


async def test_key_of_a_sender_that_died_is_taken_over(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskiq_nats.queue.enqueue.KEY_GRACE", 0.0)
    async with JetStreamBroker.from_url(url) as broker:
        keyed = message().model_copy(update={"labels": {"unique_key": "key"}})
        await broker.kick(keyed)
        await broker.queue.connection.api(f"STREAM.PURGE.{broker.queue.names.now}")

        await broker.kick(keyed)

        assert (await broker.stats()).waiting == 1

"""TLS: trusted certificates work, others are named in the error."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from taskiq_core.messages.scheduled_task import ScheduledTask
from taskiq_core.receiver import Receiver
from taskiq_redis import ListRedisScheduleSource, RedisAsyncResultBackend, RedisBroker
from taskiq_redis.errors import RedisUnreachableError
from taskiq_testservers.redis_server import PATIENCE, RedisServer, find_free_port


class TlsServer(RedisServer):
    """A server with a certificate of an authority of its own, on a port beside the usual one."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.tls_port = find_free_port()
        self.authority = folder / "authority.pem"
        self.stranger = folder / "stranger.pem"
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(self.authority))
        trustme.CA().cert_pem.write_to_path(str(self.stranger))
        issued.cert_chain_pems[0].write_to_path(str(certificate))
        issued.private_key_pem.write_to_path(str(key))
        options = {
            "--tls-port": str(self.tls_port),
            "--tls-cert-file": str(certificate),
            "--tls-key-file": str(key),
            "--tls-ca-cert-file": str(self.authority),
            "--tls-auth-clients": "no",
        }
        super().__init__(folder / "redis", *(word for pair in options.items() for word in pair))

    def tls_url(self, *, trusts: Path | None = None) -> str:
        url = f"rediss://127.0.0.1:{self.tls_port}"
        return url if trusts is None else f"{url}?ssl_ca_certs={trusts}"


@pytest.fixture
async def tls(tmp_path: Path) -> AsyncIterator[TlsServer]:
    async with TlsServer(tmp_path / "tls") as server:
        yield server


async def test_broker_and_results_work(tls: TlsServer) -> None:
    """Everything that they exchange is encrypted: fetches, wakeups, results, subscriptions."""
    client, worker = (RedisBroker.from_url(tls.tls_url(trusts=tls.authority)) for _ in range(2))
    worker.is_worker_process = True
    for broker in (client, worker):
        broker.register_task(_double, "double")
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker).listen(finish))

    async with client:
        tasks = [await client.find_task("double").kiq(number) for number in range(10)]  # type: ignore[union-attr]  # it is registered
        results = [await task.wait_result(timeout=PATIENCE) for task in tasks]
        finish.set()
        await listening
        await worker.shutdown()

    assert [result.return_value for result in results] == [2 * number for number in range(10)]


async def _double(number: int) -> int:
    return 2 * number


async def test_a_result_backend_of_its_own_works(tls: TlsServer) -> None:
    backend = RedisAsyncResultBackend[int].from_url(tls.tls_url(trusts=tls.authority))

    await backend.startup()

    assert not await backend.is_result_ready("unknown")
    await backend.shutdown()


async def test_a_schedule_source_works(tls: TlsServer) -> None:
    source = ListRedisScheduleSource.from_url(tls.tls_url(trusts=tls.authority))
    schedule = ScheduledTask(task_name="t", labels={}, args=[], kwargs={}, cron="* * * * *")
    await source.startup()

    await source.add_schedule(schedule)

    assert await source.get_schedules() == [schedule]
    await source.shutdown()


@pytest.mark.parametrize("trusts", ["nobody", "a stranger"])
async def test_a_certificate_that_is_not_trusted_is_refused(tls: TlsServer, trusts: str) -> None:
    url = tls.tls_url(trusts=tls.stranger if trusts == "a stranger" else None)

    text = await refusal(url)

    assert f"Redis at 127.0.0.1:{tls.tls_port}" in text
    assert "certificate verify failed: self-signed certificate in certificate chain" in text


async def test_what_to_do_about_a_certificate_is_said(tls: TlsServer) -> None:
    assert "ssl_ca_certs=FILE" in await refusal(tls.tls_url())


async def test_without_tls_at_a_port_that_has_it(tls: TlsServer) -> None:
    assert "its URL begins with rediss://" in await refusal(f"redis://127.0.0.1:{tls.tls_port}")


async def test_with_tls_at_a_port_that_has_none(tls: TlsServer) -> None:
    url = f"rediss://127.0.0.1:{tls.port}?ssl_ca_certs={tls.authority}&socket_connect_timeout=0.5"

    text = await refusal(url)

    assert "has not answered for 0.5 s" in text or "Timeout connecting" in text
    assert "its URL begins with redis://" in text


async def test_the_wrong_scheme_never_hangs(tls: TlsServer) -> None:
    for url in (
        f"redis://127.0.0.1:{tls.tls_port}",
        f"redis://user:secret-word@127.0.0.1:{tls.tls_port}",
        f"rediss://127.0.0.1:{tls.port}?ssl_ca_certs={tls.authority}&socket_connect_timeout=0.5",
    ):
        assert "secret-word" not in await refusal(url)


async def test_a_server_that_takes_connections_and_never_answers_is_an_error_in_time(
    server: RedisServer,
) -> None:
    """Such as one that stands still, or a port of something that waits to be spoken to."""
    server.pause()

    assert "has not answered for 0.5 s" in await refusal(
        f"{server.url}?socket_connect_timeout=0.5", patience=3
    )


async def refusal(url: str, *, patience: float = PATIENCE) -> str:
    """The error of a broker that can't connect."""
    broker = RedisBroker.from_url(url)
    with pytest.raises(RedisUnreachableError) as refused:
        async with asyncio.timeout(patience):
            await broker.startup()
    await broker.shutdown()
    return str(refused.value)

"""The broker in RabbitMQ keeps the contract of brokers."""

from collections.abc import Awaitable, Callable

import pytest

from taskiq_aio_pika import AioPikaBroker
from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.message import BrokerMessage
from taskiq_testkit import BrokerContract, BrokerFactory
from taskiq_testservers.rabbitmq_server import RabbitServer


class TestAioPikaBroker(BrokerContract):
    max_message_size = 4_000_000
    several_event_loops = True

    @pytest.fixture
    def address(self, url: str) -> str:
        return f"{url}&max_message_size={self.max_message_size}"

    @pytest.fixture
    def broker(self, address: str) -> AioPikaBroker:
        return AioPikaBroker.from_url(address)

    @pytest.fixture
    def make_broker(self, address: str) -> Callable[[], AioPikaBroker]:
        return lambda: AioPikaBroker.from_url(address)

    @pytest.fixture
    def broker_factory(self, address: str) -> BrokerFactory:
        return BrokerFactory("taskiq_aio_pika:AioPikaBroker.from_url", address)

    @pytest.fixture
    def restart_server(self, shared_server: RabbitServer) -> Callable[[], Awaitable[None]]:
        """No other test of this process runs meanwhile."""
        return shared_server.restart

    @pytest.fixture
    def end_connection(self) -> Callable[[AsyncBroker], Awaitable[None]]:
        async def end(broker: AsyncBroker) -> None:
            assert isinstance(broker, AioPikaBroker)
            connection = await broker.queue.connection.get()
            await connection.close()

        return end

    @pytest.fixture
    def plant_poison(self, address: str) -> dict[str, Callable[[], Awaitable[None]]]:
        async def plant() -> None:
            async with AioPikaBroker.from_url(address) as broker:
                await broker.kick(
                    BrokerMessage(task_id="poison", task_name="", message=b"\xff", labels={})
                )

        return {"bytes": plant}

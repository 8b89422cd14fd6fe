# ruff: noqa: S101  # contract tests assert
"""Tasks that are sent inside the caller's own transaction."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

import pytest

from taskiq_core.capabilities import Capability
from taskiq_testkit.contract import proves
from taskiq_testkit.contracts.base import BrokerBase
from taskiq_testkit.harness import BrokerHarness


class OpenTransaction(Protocol):
    """A transaction of a program, in the store of the broker.

    Attributes:
        connection: what `in_transaction` takes.
        commit: commits it.
        rollback: rolls it back.
    """

    connection: Any
    commit: Callable[[], Awaitable[object]]
    rollback: Callable[[], Awaitable[object]]


Open: TypeAlias = Callable[[], AbstractAsyncContextManager[OpenTransaction]]


class TransactionContract(BrokerBase):
    """Transactions."""

    @pytest.fixture
    def open_transaction(self) -> Open | None:
        """Opens a transaction in the broker's store; None for stores without transactions."""
        return None

    @proves(Capability.TRANSACTION, needs=("open_transaction",))
    async def test_committed_is_sent_once(
        self, harness: BrokerHarness, open_transaction: Open
    ) -> None:
        """What is sent inside a transaction comes when it is committed, and not before."""
        worker = await harness.worker()
        async with open_transaction() as transaction:
            async with harness.broker.in_transaction(transaction.connection):
                sent = await asyncio.gather(*(harness.send(str(n)) for n in range(3)))
            await harness.send("outside")
            outside = await worker.next()
            assert outside.text == "outside"
            await outside.ack()
            await transaction.commit()

        taken = await harness.gather(worker, 3)

        assert {held.task_id for held in taken} == set(sent)
        assert (await harness.broker.stats()).waiting == 0

    @proves(Capability.TRANSACTION, needs=("open_transaction",))
    async def test_rolled_back_is_never_sent(
        self, harness: BrokerHarness, open_transaction: Open
    ) -> None:
        """What is sent inside a transaction that is rolled back leaves nothing behind."""
        worker = await harness.worker()
        async with open_transaction() as transaction:
            async with harness.broker.in_transaction(transaction.connection):
                await harness.send("never")
            await transaction.rollback()

        await harness.send("outside")

        assert (await worker.next()).text == "outside"
        stats = await harness.broker.stats()
        assert (stats.waiting, stats.delayed) == (0, 0)

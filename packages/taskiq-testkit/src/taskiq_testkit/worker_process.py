"""The other end of `processes`: a worker that holds what it gets, until it is killed."""

import asyncio
import base64
import inspect
import json
import pickle
import sys
from collections.abc import Callable
from contextlib import aclosing
from importlib import import_module
from typing import Any, Final

from taskiq_core.broker import AsyncBroker
from taskiq_core.messages.delivery import Delivery
from taskiq_core.messages.slots import Slots
from taskiq_testkit.errors import BrokerFactoryError

FIRST_RENEWAL: Final = 0.1
"""Seconds between two looks for a first delivery with a lease."""


def factory_of(target: str) -> Callable[[Any], Any]:
    """The function that a target names.

    Raises:
        BrokerFactoryError: it names none.
    """
    module, _, path = target.partition(":")
    try:
        found: Any = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BrokerFactoryError(target=target, reason=str(error)) from error
    if not callable(found):
        raise BrokerFactoryError(target=target, reason=f"{found!r} can't be called")
    return found  # type: ignore[no-any-return]  # what it takes is between the author and pickle


async def hold(broker: AsyncBroker, slots: Slots) -> None:
    """Take deliveries and settle none; renew their leases, as a worker does that lives."""
    broker.is_worker_process = True
    await broker.startup()
    held: list[Delivery] = []
    renewing = asyncio.create_task(renew_leases(broker, held))
    _print({"event": "ready"})
    async with aclosing(broker.deliveries(slots)) as deliveries:
        async for delivery in deliveries:
            slots.take()
            held.append(delivery)
            _say("took", delivery, broker)
            await slots.wait_free()
    renewing.cancel()


async def renew_leases(broker: AsyncBroker, held: list[Delivery]) -> None:
    """Renew leases at a third of the shortest one; a lost one is printed, and held no more."""
    while True:
        leases = [each.lease for each in held if each.lease is not None]
        await asyncio.sleep(min(leases, default=FIRST_RENEWAL) / 3)
        for lost in await broker.renew_leases(held) if leases else ():
            held.remove(lost)
            _say("lost", lost, broker)


def _say(event: str, delivery: Delivery, broker: AsyncBroker) -> None:
    task_id = broker.formatter.loads(delivery.data).task_id
    _print({"event": event, "task_id": task_id, "attempt": delivery.attempt})


def _print(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Do the job that stdin brings; the parent is trusted, so it may be pickled."""
    job = base64.b64decode(sys.stdin.buffer.readline())
    target, config, slots = pickle.loads(job)  # noqa: S301  # from the test that started us
    made = factory_of(target)(config)
    broker: AsyncBroker = await made if inspect.isawaitable(made) else made
    await hold(broker, Slots(slots))


if __name__ == "__main__":
    asyncio.run(main())

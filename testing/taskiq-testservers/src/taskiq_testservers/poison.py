"""Messages that can't be read, put into the reference store behind its broker's back."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import uuid4

from taskiq_testkit import ReferenceServer
from taskiq_testkit.reference.messages import NewMessage

BODIES: Mapping[str, bytes] = {
    "no text": b"\xff\x00",
    "nothing": b"",
    "of another format": b'["a", "list"]',
    "cut off": b'{"task_id": "x", "task_na',
}


def planters(server: ReferenceServer) -> dict[str, Callable[[], Awaitable[None]]]:
    """What puts one such message into the store of a server, by its kind."""

    def planter(body: bytes) -> Callable[[], Awaitable[None]]:
        async def plant() -> None:
            server.store.put(NewMessage(uuid4().hex, "planted", body))
            server.store.on_change()

        return plant

    return {kind: planter(body) for kind, body in BODIES.items()}

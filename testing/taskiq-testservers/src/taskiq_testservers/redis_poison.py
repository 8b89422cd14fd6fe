"""Records that can't be read, put into a queue behind its broker's back."""

from collections.abc import Awaitable, Callable
from itertools import count

from redis.asyncio import Redis

Plant = Callable[[Redis, bytes], Awaitable[None]]
QUEUE = b"{taskiq}"
BODY = b"planted"
_numbers = count()


async def _wait(redis: Redis, message_id: bytes, record: bytes) -> None:
    """Have a record wait in line, as `send` does."""
    await redis.hset(QUEUE + b":messages", message_id, record)
    await redis.rpush(QUEUE + b":ready", message_id)
    await redis.rpush(QUEUE + b":bell", b"1")


async def name_is_no_text(redis: Redis, message_id: bytes) -> None:
    await _wait(redis, message_id, b"\xff\xfe\n" + BODY)


async def id_is_no_text(redis: Redis, message_id: bytes) -> None:
    await _wait(redis, b"\xff" + message_id, b"task\n" + BODY)


async def id_with_a_number_is_no_text(redis: Redis, message_id: bytes) -> None:
    await _wait(redis, b"\xc3(" + message_id + b"\n7", b"task\n" + BODY)


async def no_line_feed(redis: Redis, message_id: bytes) -> None:
    await _wait(redis, message_id, BODY)


async def empty(redis: Redis, message_id: bytes) -> None:
    await _wait(redis, message_id, b"")


async def bytes_are_no_message(redis: Redis, message_id: bytes) -> None:
    await _wait(redis, message_id, b"task\n\xff\x00")


def deliveries(text: bytes) -> Plant:
    async def plant(redis: Redis, message_id: bytes) -> None:
        await redis.hset(QUEUE + b":deliveries", message_id, text)
        await _wait(redis, message_id, b"task\n" + BODY)

    return plant


def extras(text: bytes) -> Plant:
    async def plant(redis: Redis, message_id: bytes) -> None:
        await redis.hset(QUEUE + b":extras", message_id, text)
        await _wait(redis, message_id, b"task\n" + BODY)

    return plant


async def delayed(redis: Redis, message_id: bytes) -> None:
    await redis.hset(QUEUE + b":extras", message_id, b"[")
    await redis.hset(QUEUE + b":messages", message_id, BODY)
    await redis.zadd(QUEUE + b":delayed", {message_id: 1.0})
    await redis.rpush(QUEUE + b":bell", b"1")


async def delayed_since_ever(redis: Redis, message_id: bytes) -> None:
    await redis.hset(QUEUE + b":messages", message_id, b"\xff\n" + BODY)
    await redis.zadd(QUEUE + b":delayed", {message_id: float("-inf")})
    await redis.rpush(QUEUE + b":bell", b"1")


async def expired(redis: Redis, message_id: bytes) -> None:
    await redis.zadd(QUEUE + b":expiring", {message_id: 1.0})
    await name_is_no_text(redis, message_id)


async def expired_at_no_known_time(redis: Redis, message_id: bytes) -> None:
    await redis.zadd(QUEUE + b":expiring", {message_id: 1.0})
    await extras(b"{}")(redis, message_id)


async def with_priority(redis: Redis, message_id: bytes) -> None:
    await redis.hset(QUEUE + b":messages", message_id, BODY)
    await redis.zadd(QUEUE + b":priorities", {b"0" * 16 + message_id: 0.0})
    await redis.rpush(QUEUE + b":bell", b"1")


async def leased_to_a_dead_worker(redis: Redis, message_id: bytes) -> None:
    await redis.hset(QUEUE + b":messages", message_id, BODY)
    await redis.hset(QUEUE + b":deliveries", message_id, b"garbage")
    await redis.zadd(QUEUE + b":leases", {message_id: 1.0})


KINDS: dict[str, Plant] = (
    {
        each.__name__: each
        for each in (
            name_is_no_text,
            id_is_no_text,
            id_with_a_number_is_no_text,
            no_line_feed,
            empty,
            bytes_are_no_message,
            delayed,
            delayed_since_ever,
            expired,
            expired_at_no_known_time,
            with_priority,
            leased_to_a_dead_worker,
        )
    }
    | {
        f"deliveries {text!r}": deliveries(text)
        for text in (
            b"0 garbage",
            b"",
            b"\xff",
            b"0 0",
            b"9" * 400 + b" 1 1",
            b"-1 -1 -1",
            b"1.5 1 1",
        )
    }
    | {
        f"extras {text!r}": extras(text)
        for text in (
            b"",
            b"\xff",
            b"[" * 5_000,
            b"null",
            b"5",
            b'{"priority": "high"}',
            b'{"expires_after": 1e999, "expires_at": 1e999}',
            b'{"expires_after": 5}',
            b'{"unique_key": ["a"]}',
        )
    }
)


def planters(url: str, kinds: dict[str, Plant] = KINDS) -> dict[str, Callable[[], Awaitable[None]]]:
    """What puts one such record into the queue `taskiq` of a server, by its kind."""

    def planter(plant: Plant) -> Callable[[], Awaitable[None]]:
        async def act() -> None:
            async with Redis.from_url(url) as redis:
                await plant(redis, b"planted-%d" % next(_numbers))

        return act

    return {kind: planter(plant) for kind, plant in kinds.items()}

"""The floor: what raw pipelined commands reach on the same server, in one process."""

import time

import redis
from rig import RedisServer

TASKS, BATCH = 50_000, 100
MESSAGE = b"x" * 300


def floor(server: RedisServer) -> dict[str, float]:
    """Messages pushed a second, and popped a second with a result stored for each."""
    server.empty()
    client = redis.Redis(port=server.port)
    start = time.perf_counter()
    for _ in range(TASKS // BATCH):
        pipeline = client.pipeline(transaction=False)
        for _ in range(BATCH):
            pipeline.rpush("queue", MESSAGE)
        pipeline.execute()
    pushed = time.perf_counter()
    for first in range(0, TASKS, BATCH):
        pipeline = client.pipeline(transaction=False)
        for number in range(BATCH):
            pipeline.lpop("queue")
            pipeline.set(f"result:{first + number}", MESSAGE, ex=3600)
        pipeline.execute()
    popped = time.perf_counter()
    client.close()
    return {"enqueue_bulk": TASKS / (pushed - start), "drain_results": TASKS / (popped - pushed)}

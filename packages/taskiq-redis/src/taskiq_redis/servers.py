"""Where a server is: the values of the option `server` of brokers, results and schedules."""

from taskiq_redis.storage.servers import ClusterServer, SentinelServer, Server, SingleServer

__all__ = ["ClusterServer", "SentinelServer", "Server", "SingleServer"]

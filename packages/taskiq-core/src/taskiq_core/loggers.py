"""The names of loggers: all are below `taskiq`, so that programs set level and handlers once."""

import logging
from typing import Final

RECEIVER: Final = "taskiq.receiver.receiver"  # not an import
"""Logs failed tasks, and what becomes of deliveries; programs know it from taskiq 0.13."""


def get_logger(module: str) -> logging.Logger:
    """Return the logger of a module of taskiq, or of a plugin whose package is `taskiq_NAME`.

    That of `taskiq_redis.queue.fetch` is `taskiq.redis.queue.fetch`, that of `taskiq_core.events`
    is `taskiq.events`. Others have the name of their module.
    """
    name = module
    if module.startswith("taskiq_"):
        name = "taskiq." + module.removeprefix("taskiq_").removeprefix("core.")
    return logging.getLogger(name)

"""Log levels by the names that the command line has for them."""

import enum
import logging


class LogLevel(enum.IntEnum):
    """The levels of `logging`."""

    INFO = logging.INFO
    WARNING = logging.WARNING
    DEBUG = logging.DEBUG
    ERROR = logging.ERROR
    CRITICAL = logging.CRITICAL

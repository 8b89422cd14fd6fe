"""Where the packages of the house are to be had, for those who don't have them yet."""

from types import MappingProxyType
from typing import Final

_PACKAGES: Final = MappingProxyType(
    {
        "amqp": "aio-pika",
        "amqps": "aio-pika",
        "memory": "inmemory",
        "nats": "nats",
        "postgres": "postgres",
        "postgresql": "postgres",
        "redis": "redis",
        "rediss": "redis",
        "sqlite": "sqlite",
        "zmq": "zmq",
        "zmq+ipc": "zmq",
        "zmq+tcp": "zmq",
    }
)
_IN_EVERY_INSTALLATION: Final = frozenset({"inmemory", "retry", "scheduler", "cli"})


def package_for(word: str) -> str | None:
    """The package of the house that has this URL scheme or plugin name."""
    extra = _extra_for(word)
    return f"taskiq-{extra}" if extra else None


def install_command(word: str) -> str | None:
    """What to type to get this URL scheme or plugin, if it is the house's."""
    extra = _extra_for(word)
    if extra is None:
        return None
    return (
        "pip install taskiq"
        if extra in _IN_EVERY_INSTALLATION
        else f'pip install "taskiq[{extra}]"'
    )


def _extra_for(word: str) -> str | None:
    named = {*_PACKAGES.values(), *_IN_EVERY_INSTALLATION}
    word = word.removeprefix("taskiq-")
    return word if word in named else _PACKAGES.get(word)

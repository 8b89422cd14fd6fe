"""What to do about a name that the façade does not have, or whose package is not there."""

from importlib.util import find_spec
from typing import Final

_PACKAGES: Final = {
    "AioPika": "taskiq-aio-pika",
    "JetStream": "taskiq-nats",
    "ListQueue": "taskiq-redis",
    "ListRedis": "taskiq-redis",
    "Postgres": "taskiq-pgsql",
    "PubSub": "taskiq-redis",
    "Redis": "taskiq-redis",
    "SQLite": "taskiq-sqlite",
}
"""How names of brokers, result backends and schedule sources begin, and whose they are."""


def package_of(name: str) -> str | None:
    """Return the distribution that has a broker, result backend or schedule source."""
    return next((package for start, package in _PACKAGES.items() if name.startswith(start)), None)


def missing(name: str) -> Exception:
    """Return the error for a broker, result backend or schedule source that is not in `taskiq`."""
    package = package_of(name)
    if package is None:
        return AttributeError(f"module 'taskiq' has no attribute {name!r}")
    module = package.replace("-", "_")
    if find_spec(module) is None:
        return not_installed(name, package)
    return ImportError(f"{name} is in {package}: from {module} import {name}", name=name)


def not_installed(name: str, package: str, error: ImportError | None = None) -> ImportError:
    """The error to raise for `name`, with the cure.

    Not an AttributeError, which `from taskiq import ...` replaces by a text of its own.

    Args:
        name: what was asked for.
        package: the distribution that has it, `taskiq-zmq`.
        error: what importing it failed with; returned as it is if something else is missing.
    """
    if error is not None and error.name != package.replace("-", "_"):
        return error
    extra = package.removeprefix("taskiq-")
    return ImportError(f'{name} is in {package}: pip install "taskiq[{extra}]"', name=name)

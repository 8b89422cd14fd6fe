"""Brokers and result backends whose state no command can see."""

from typing import TYPE_CHECKING, Any

from taskiq_cli.errors import PrivateStateError

if TYPE_CHECKING:
    from taskiq_core.abc.result_backend import AsyncResultBackend
    from taskiq_core.broker import AsyncBroker


def check_is_shared(part: "AsyncBroker | AsyncResultBackend[Any]", name: str) -> None:
    """Refuse one that is private: a command would make a new one, and show that it is empty.

    Raises:
        PrivateStateError: what it has is in the process that uses it.
    """
    if part.private_to_process:
        raise PrivateStateError(part=name, reason=part.private_to_process)

"""Calls of a store over a socket: one connection each, values as JSON."""

import asyncio
import base64
import inspect
import json
from dataclasses import astuple, is_dataclass
from datetime import datetime
from typing import Any, Final

from taskiq_core.exceptions import BrokerConnectionError, LeaseLostError, SendTaskError
from taskiq_core.messages.aborts import AbortState

LONGEST: Final = 64 * 1024 * 1024
"""Bytes that one call or its answer may have."""


def encode(value: Any) -> bytes:
    """A line of text; dataclasses become lists, points in time text."""
    return json.dumps(_plain(value)).encode() + b"\n"


def decode(line: bytes) -> Any:
    """The value of a line."""
    return json.loads(line, object_hook=_bytes_of)


async def call(address: tuple[str, int], method: str, *args: Any) -> Any:
    """Call a method of the store.

    Raises:
        BrokerConnectionError: the server can't be reached.
        LeaseLostError: the store said so.
        SendTaskError: likewise.
    """
    try:
        reader, writer = await asyncio.open_connection(*address, limit=LONGEST)
    except OSError as error:
        raise _unreachable(address, error) from error
    try:
        writer.write(encode((method, args)))
        line = await reader.readline()
        if not line:
            raise _unreachable(address, "it closed the connection")
    except OSError as error:
        raise _unreachable(address, error) from error
    finally:
        writer.close()
    return _unwrap(decode(line))


def _unwrap(answer: list[Any]) -> Any:
    kind, value = answer
    match kind:
        case "lease lost":
            raise LeaseLostError(reason=value)
        case "not sent":
            raise SendTaskError(task_name=value[0], reason=value[1])
        case _:
            return value


def wrap(error: LeaseLostError | SendTaskError) -> tuple[str, Any]:
    """An error of the store as an answer."""
    if isinstance(error, LeaseLostError):
        return "lease lost", error.reason
    return "not sent", (error.task_name, error.reason)


def _unreachable(address: tuple[str, int], reason: object) -> BrokerConnectionError:
    return BrokerConnectionError(
        broker="ReferenceBroker", address=f"{address[0]}:{address[1]}", reason=str(reason)
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not inspect.isclass(value):
        return list(map(_plain, astuple(value)))
    if isinstance(value, AbortState):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return value


def _bytes_of(found: dict[str, str]) -> bytes:
    return base64.b64decode(found["base64"])

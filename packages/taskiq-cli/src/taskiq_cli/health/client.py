"""Asks for the health document."""

import json
import time
from typing import Any

from taskiq_cli.errors import NoHealthError
from taskiq_cli.health.address import Address

_LARGEST = 1024 * 1024
"""Bytes of an answer."""


def ask_health(address: Address, timeout: float) -> dict[str, Any]:
    """Fetch the health document from a health server.

    Args:
        address: of the server.
        timeout: seconds that the whole exchange may take.

    Raises:
        NoHealthError: no health server answers there.
    """
    try:
        answer = _fetch(address, timeout)
    except OSError as error:
        reason = f"no answer within {timeout:g} s" if isinstance(error, TimeoutError) else error
        raise NoHealthError(address=str(address), reason=f"nobody answers, {reason}") from error
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if head.startswith(b"HTTP/1.") and isinstance(document, dict) and "workers" in document:
        return document
    raise NoHealthError(
        address=str(address), reason="what answers there is no `taskiq worker --health`"
    )


def _fetch(address: Address, timeout: float) -> bytes:
    deadline = time.monotonic() + timeout
    answer = b""
    with address.connect(timeout) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: health\r\nConnection: close\r\n\r\n")
        while len(answer) < _LARGEST:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            chunk = connection.recv(65_536)
            if not chunk:
                break
            answer += chunk
    return answer

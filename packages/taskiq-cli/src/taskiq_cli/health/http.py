"""As much of HTTP as a probe needs: one request, one answer, then the connection is closed."""

from __future__ import annotations

import json

TYPE_CHECKING = False  # typing is not worth its memory in this process
if TYPE_CHECKING:
    from typing import Any

LONGEST_REQUEST = 8 * 1024
"""Bytes of a request line with its headers."""
PATIENCE = 5.0
"""Seconds that a client gets to send its request and read the answer."""
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}
_WORDS = 3
"""Method, target and version."""


class RequestReader:
    """Collects the bytes of a request line with its headers, up to `LONGEST_REQUEST`."""

    def __init__(self) -> None:
        self._head = b""

    @property
    def free(self) -> int:
        """How many more bytes are taken."""
        return LONGEST_REQUEST - len(self._head)

    def feed(self, chunk: bytes) -> bool:
        """Add bytes; empty ones say that the client sends no more.

        Returns:
            Whether no more bytes are needed.
        """
        self._head += chunk
        return not chunk or self.free <= 0 or b"\r\n\r\n" in self._head

    def parsed(self) -> tuple[str, str] | None:
        """The method and the path of the request; None if it is not an HTTP request."""
        if b"\r\n\r\n" not in self._head:
            return None
        words = self._head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != _WORDS or not words[2].startswith("HTTP/1."):
            return None
        return words[0], words[1].partition("?")[0]


def response(request: tuple[str, str] | None, document: dict[str, Any]) -> bytes:
    """The answer to a request: the document, with status 200 if it says "running", else 503."""
    if request is None:
        return _message(400, {"error": "this is not an HTTP request"})
    method, path = request
    if path != "/":
        return _message(404, {"error": "the health document is at /"})
    if method not in ("GET", "HEAD"):
        return _message(405, {"error": "use GET"}, "Allow: GET, HEAD\r\n")
    status = 200 if document["state"] == "running" else 503
    return _message(status, document, has_body=method == "GET")


def _message(
    status: int, body: dict[str, Any], headers: str = "", *, has_body: bool = True
) -> bytes:
    content = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n"
        "Cache-Control: no-store\r\n"
        f"{headers}"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (content if has_body else b"")

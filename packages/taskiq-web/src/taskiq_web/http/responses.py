"""Answers as HTML or JSON, as the request asks for."""

import json
from typing import Any

from pydantic_core import to_jsonable_python
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from taskiq_web.errors import RequestRefusedError
from taskiq_web.render.templates import render
from taskiq_web.render.values import described


class JSONAnswer(Response):
    """JSON of any value; unknown types become their repr."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes; lone surrogates and characters beyond ASCII are escaped."""
        plain = to_jsonable_python(
            content, bytes_mode="base64", inf_nan_mode="strings", fallback=described
        )
        return json.dumps(plain, indent=1).encode()


def wants_json(request: Request) -> bool:
    """Return whether a request asks for JSON."""
    if request.query_params.get("format") == "json":
        return True
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def refusal(request: Request, error: RequestRefusedError) -> Response:
    """Return the answer to a request that is not granted."""
    if wants_json(request):
        return JSONAnswer({"error": error.reason}, status_code=error.status)
    root = request.scope.get("root_path", "")
    # An open page that can't be read at the moment asks again at the next tick.
    here = f"{request.url.path}?{request.url.query}" if request.method == "GET" else ""
    page = render("refused.html", root=root, status=error.status, reason=error.reason, here=here)
    return HTMLResponse(page, status_code=error.status)

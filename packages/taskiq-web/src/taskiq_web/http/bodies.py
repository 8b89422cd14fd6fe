"""Bodies of requests: forms and JSON, nothing else."""

import json
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from taskiq_web.errors import RequestRefusedError

MAX_FIELDS: Final = 200


async def read_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form, or of a JSON object; values that are not text become JSON.

    Raises:
        RequestRefusedError: the body is something else.
    """
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body:
        return {}
    try:
        if kind == "application/x-www-form-urlencoded":
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
            return dict(pairs)
        if kind == "application/json":
            return _fields_of_json(body)
    except (ValueError, RecursionError) as error:
        reason = f"The body of the request can't be read: {error}."
        raise RequestRefusedError(status=400, reason=reason) from error
    raise RequestRefusedError(status=415, reason="The body is neither a form nor JSON.")


def _fields_of_json(body: bytes) -> dict[str, str]:
    found = json.loads(body)
    if not isinstance(found, dict) or len(found) > MAX_FIELDS:
        raise ValueError("it is not an object with some fields")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
        if value is not None
    }

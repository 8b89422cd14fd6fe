"""Whether a request that changes something comes from the dashboard itself."""

from urllib.parse import urlsplit

from starlette.requests import Request


def is_from_here(request: Request) -> bool:
    """Return whether a request was made by a page of this dashboard, or by a program.

    Browsers say where a request comes from in `Sec-Fetch-Site`, and in `Origin` where they leave it
    out, as they do over plain HTTP. What has neither is a program: it must bring its credentials
    itself, in a header that no page can make a browser send to another site.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is not None:
        return _host_of(origin) == request.headers.get("host", "").lower() != ""
    return "authorization" in request.headers


def _host_of(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in ("http", "https") else None

"""The errors of the dashboard.

```
TaskiqError
└── WebError
    ├── WebStartError             the dashboard can't be served as it was asked for
    └── RequestRefusedError       a request is answered with a status of 4xx or 5xx
```
"""

from taskiq_core.exceptions import TaskiqError


class WebError(TaskiqError):
    """Base of the errors of the dashboard."""


class WebStartError(WebError):
    """The dashboard can't be served as it was asked for."""

    __template__ = "The dashboard does not start: {reason}"
    reason: str


class RequestRefusedError(WebError):
    """A request is not granted.

    Attributes:
        status: of the HTTP response.
        reason: a sentence for the viewer.
    """

    __template__ = "{reason}"
    status: int
    reason: str

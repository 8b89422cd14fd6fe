"""What can go wrong between aiohttp and tasks."""

from taskiq_core.exceptions import TaskiqError


class ApplicationError(TaskiqError):
    """What `init` was given leads to no application."""

    __template__ = (
        "taskiq_aiohttp.init was given {given}, which is an object of type {kind}. Give the path "
        "of an aiohttp.web.Application, or of a function that returns one."
    )
    given: str
    kind: str

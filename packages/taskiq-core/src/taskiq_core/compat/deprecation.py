"""The warning for older forms of the interface."""


class TaskiqDeprecationWarning(UserWarning):
    """A deprecated form was used; the message names the one to use instead."""

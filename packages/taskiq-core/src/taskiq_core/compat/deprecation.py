"""The warning for older forms of the interface."""


class TaskiqDeprecationWarning(UserWarning):
    """Something still works, and there is a better form by now."""

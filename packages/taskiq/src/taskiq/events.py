"""What happens to a broker."""

from taskiq_core.events import TaskiqEvents

__all__ = ["TaskiqEvents"]

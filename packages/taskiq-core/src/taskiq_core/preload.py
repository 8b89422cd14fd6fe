"""What a process reads once for all workers that will be forked from it."""

from taskiq_core.flow.process_facts import versions


def preload() -> None:
    """Read what every worker tells about itself, which is kept for the life of the process."""
    versions()

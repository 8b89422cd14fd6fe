"""The `taskiq` command."""

__version__ = "1.0.0"

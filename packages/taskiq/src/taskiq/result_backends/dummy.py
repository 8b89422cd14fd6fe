"""The result backend of a broker that has none."""

from taskiq_core.result_backends import DummyResultBackend

__all__ = ["DummyResultBackend"]

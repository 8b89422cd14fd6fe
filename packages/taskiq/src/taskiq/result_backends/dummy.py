"""The result backend of a broker that has none."""

from taskiq_core.client.no_result_backend import DummyResultBackend

__all__ = ["DummyResultBackend"]

"""A broker that keeps its messages as files in a folder."""

from importlib import import_module


def __getattr__(name: str) -> object:
    if name == "SpoolBroker":
        return import_module("taskiq_spool.broker").SpoolBroker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

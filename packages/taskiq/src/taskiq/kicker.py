"""Sending one call of a task, step by step."""

from taskiq_core.client.kicker import AsyncKicker, _FuncParams
from taskiq_core.client.kicker import _ReturnType_co as _ReturnType

__all__ = ["AsyncKicker", "_FuncParams", "_ReturnType"]

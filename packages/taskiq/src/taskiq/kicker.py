"""Sending one call of a task, step by step."""

from taskiq_core.client.kicker import AsyncKicker, _FuncParams, _ReturnType

__all__ = ["AsyncKicker", "_FuncParams", "_ReturnType"]

"""Requests: who may send them, what they may hold, and their answers."""

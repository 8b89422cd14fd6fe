"""Serializers: plain data to bytes."""

"""The contracts that plugins implement, one per module."""

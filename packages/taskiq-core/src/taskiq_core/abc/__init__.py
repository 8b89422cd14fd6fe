"""The contracts that plugins implement, one a module."""

"""Servers, worker processes and projects that the tests of several packages start."""

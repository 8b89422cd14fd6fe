"""A fork that the system refuses leaves nothing open."""

import os
from pathlib import Path

import pytest

from taskiq_cli.fork_server.detached_fork import fork_detached


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_fork_that_fails_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    before = descriptors()

    for _ in range(10):
        with pytest.raises(BlockingIOError):
            fork_detached()

    assert descriptors() == before

"""Lines of the supervisor reach their reader, in order, whenever it begins to read."""

import os
import queue

import pytest

from taskiq_cli.processes.parent_watch import ParentWatch


@pytest.fixture
def pipe() -> tuple[int, int]:
    return os.pipe()  # the writing end stays open: closing it would end this process, as it should


def test_lines_come_in_order_also_those_from_before(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    watch = ParentWatch(reader, 6)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    os.write(writer, b"first\nsec")
    watch.when_told(lines.put)
    os.write(writer, b"ond\nthird\n")

    assert [lines.get(timeout=20) for _ in range(3)] == ["first", "second", "third"]

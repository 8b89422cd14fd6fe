"""What a process takes: memory, processor time, log."""

import asyncio
import os
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Ids of the processes that a process has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def peak_memory(pid: int) -> int:
    """Bytes of memory that a process had at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no memory")


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def share_of_a_core(pid: int, seconds: float) -> float:
    """How much of a core a process takes in the next seconds."""
    before = processor_seconds(pid)
    await asyncio.sleep(seconds)
    return (processor_seconds(pid) - before) / seconds

"""Every format reads or refuses hostile input, in bounded time and memory."""

import asyncio
import json
import sys

import pytest

from taskiq_testservers.hostile.formats import formats
from taskiq_testservers.hostile.scale import MEGABYTE, Scale, count

SLOWEST = 10.0
"""Seconds of processor time that one input may take; the largest has 50 MB."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", list(formats()))
async def test_format_reads_or_refuses(name: str, scale: Scale) -> None:
    arguments = (name, str(scale.cases), str(scale.seed), str(scale.largest))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "taskiq_testservers.hostile", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    assert process.returncode == 0, "it died"
    report = json.loads(output)
    count(name, report["cases"], read=report["read"], refused=report["refused"])
    assert report["examples"] == []
    assert report["cases"] == report["read"] + report["refused"] == scale.cases
    assert report["read"] > 0, "nothing was nearly valid"
    assert report["executed"] is False
    assert report["slowest"][0] < SLOWEST, report["slowest"]
    assert report["memory"] < 200 * MEGABYTE + 12 * scale.largest

"""The README's application, with a real worker."""

import re
from pathlib import Path

from taskiq_testservers.commands import run_beside_worker

README = (Path(__file__).parent.parent / "README.md").read_text()
(PROGRAM,) = re.findall(r"<!-- \S+ -->\n```python\n(.*?)```", README, re.DOTALL)
SEND = """
import asyncio
from app import broker, greet

async def main():
    async with broker:
        print((await (await greet.kiq("world")).wait_result(timeout=40)).return_value)

asyncio.run(main())
"""


def test_a_worker_runs_tasks_with_what_the_lifespan_has_set_up(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "send.py").write_text(SEND)

    assert run_beside_worker(tmp_path, client="send.py") == "Hello, world!\n"

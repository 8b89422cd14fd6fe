"""The README's application, with a real worker."""

import re
import subprocess
import sys
from pathlib import Path

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
    taskiq = Path(sys.executable).with_name("taskiq")
    worker = subprocess.Popen([taskiq, "worker", "app:broker", "--workers", "1"], cwd=tmp_path)
    try:
        command = [sys.executable, "send.py"]
        sent = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    finally:
        worker.terminate()
        worker.wait()

    assert sent.stdout == "Hello, world!\n", sent.stderr
    assert worker.returncode == 0

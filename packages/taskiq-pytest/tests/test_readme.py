"""The README's application and its tests."""

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()
FILES = dict(re.findall(r"<!-- \S+/(\S+) -->\n```python\n(.*?)```", README, re.DOTALL))
SETTINGS = """
[tool.pytest.ini_options]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
pythonpath = ["."]
taskiq_broker = "app:broker"
"""


def test_the_tests_of_the_readme_pass(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    for name, program in FILES.items():
        (tmp_path / name).write_text(program)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "2 passed" in finished.stdout, finished.stdout + finished.stderr

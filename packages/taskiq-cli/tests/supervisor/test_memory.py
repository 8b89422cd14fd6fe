"""What the supervisor imports."""

import subprocess
import sys


def test_supervisor_imports_nothing_large() -> None:
    """Its memory is what every deployment pays besides the workers'."""
    code = (
        "import sys; before = set(sys.modules); import taskiq_cli.supervisor.__main__;"
        "print(*set(sys.modules) - before)"
    )

    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )

    large = {"asyncio", "click", "dataclasses", "inspect", "logging", "pydantic", "taskiq_core",
             "threading", "typing"}  # fmt: skip
    assert not large & set(ran.stdout.split())

"""What a worker does not import unless it is asked for: memory that every worker would hold."""

import subprocess
import sys


def test_receiver_imports_no_process_pools() -> None:
    code = "import sys, taskiq_core.receiver; print(*sys.modules)"

    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )

    assert not {"multiprocessing", "concurrent.futures.process"} & set(ran.stdout.split())

"""What the supervisor sleeps on."""

import os
import subprocess
import sys


def test_wakeups_tell_signals_in_order_and_pipes() -> None:
    code = """
import os, signal
from taskiq_cli.supervisor.wakeups import Wakeups
wakeups = Wakeups([signal.SIGTERM, signal.SIGHUP])
read, write = os.pipe()
wakeups.watch(read)
assert wakeups.wait(0) == ([], [])
os.kill(os.getpid(), signal.SIGHUP); os.kill(os.getpid(), signal.SIGTERM)
assert wakeups.wait(None) == ([signal.SIGHUP, signal.SIGTERM], [])
os.close(write)
assert wakeups.wait(None) == ([], [read])
wakeups.forget(read); wakeups.forget(read)
assert wakeups.wait(-1) == ([], [])
"""

    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))

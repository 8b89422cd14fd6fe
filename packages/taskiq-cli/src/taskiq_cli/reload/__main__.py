"""`python -m taskiq_cli.reload PARENT STATUS OPTIONS`: started by the supervisor only."""

import signal
import sys
from pathlib import Path

from watchfiles import watch

from taskiq_cli.exit_codes import ExitCode
from taskiq_cli.options import WorkerOptions
from taskiq_cli.processes.parent_watch import ParentWatch
from taskiq_cli.processes.status_pipe import StatusPipe
from taskiq_cli.reload.changes import ReloadFilter


def main() -> None:
    """Report changes until the supervisor ends."""
    parent_fd, status_fd, text = sys.argv[1:]
    ParentWatch(int(parent_fd), ExitCode.ORPHANED)
    status = StatusPipe(int(status_fd))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    options = WorkerOptions.from_json(text)
    folders = options.reload_dirs or ((options.app_dir,) if options.app_dir else (".",))
    # For `watch`, a timeout is a time to look for signals; the files themselves are not polled.
    changes = watch(
        *(Path(folder).resolve() for folder in folders),
        watch_filter=ReloadFilter(use_gitignore=not options.no_gitignore),
        debounce=200,
        raise_interrupt=False,
    )
    for batch in changes:
        status.changed(sorted({_short(path) for _change, path in batch}))


def _short(path: str) -> str:
    file, here = Path(path), Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else path


if __name__ == "__main__":
    main()

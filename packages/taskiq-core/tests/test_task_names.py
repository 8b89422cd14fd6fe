"""A task has one name in the process that sends it and in the one that runs it."""

import functools
import subprocess
import sys
from pathlib import Path

import pytest

from taskiq_core.client.task_names import default_task_name

SCRIPT = (
    "from taskiq_core.client.task_names import default_task_name\n"
    "def send(): ...\n"
    "print(default_task_name(send))\n"
)


def send() -> None: ...


def printed(*arguments: str, cwd: Path, stdin: str | None = None) -> str:
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr == ""
    return finished.stdout


def test_module_and_function() -> None:
    assert default_task_name(send) == f"{__name__}:send"


def test_callable_object_is_named_by_its_class() -> None:
    class Sender:
        def __call__(self) -> None: ...

    assert default_task_name(Sender()) == f"{__name__}:Sender"


def test_partial_has_a_name_too() -> None:
    assert default_task_name(functools.partial(send)) == "functools:partial"


def test_function_without_a_module() -> None:
    def homeless() -> None: ...

    homeless.__module__ = None  # type: ignore[assignment]

    assert default_task_name(homeless) == "unknown:homeless"


def test_every_lambda_has_a_name_of_its_own() -> None:
    names = {default_task_name(lambda: None) for _ in range(20)}

    assert len(names) == 20
    assert all(name.startswith(f"{__name__}:lambda_") for name in names)


@pytest.mark.parametrize(
    ("file", "arguments", "expected"),
    [
        ("mail.py", ["mail.py"], "mail:send"),
        ("mail.py", ["./mail.py"], "mail:send"),
        ("mail.py", ["-m", "mail"], "mail:send"),
        ("jobs/mail.py", ["jobs/mail.py"], "jobs.mail:send"),
        ("jobs/mail.py", ["-m", "jobs.mail"], "jobs.mail:send"),
        ("jobs/__main__.py", ["-m", "jobs"], "jobs:send"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_script_has_the_name_that_a_worker_imports_it_by(
    tmp_path: Path, file: str, arguments: list[str], expected: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(SCRIPT)

    assert printed(*arguments, cwd=tmp_path) == f"{expected}\n"


def test_script_of_another_directory_has_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "mail.py").write_text(SCRIPT)

    assert printed(str(tmp_path / "mail.py"), cwd=tmp_path / "here") == "mail:send\n"


def test_program_without_a_file(tmp_path: Path) -> None:
    assert printed("-c", SCRIPT, cwd=tmp_path) == "__main__:send\n"
    assert printed("-", cwd=tmp_path, stdin=SCRIPT) == "__main__:send\n"


def test_worker_that_imports_the_script_knows_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "mail.py").write_text(SCRIPT)

    assert printed("mail.py", cwd=tmp_path) == printed("-c", "import mail", cwd=tmp_path)

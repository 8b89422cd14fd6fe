"""The README is true: its program runs, its table lists all options."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO

from taskiq_aio_pika import AioPikaBroker
from taskiq_aio_pika.options import CONNECTION_OPTIONS, URL_READERS

PATIENCE = 60
README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_program_runs_with_a_worker(tmp_path: Path, url: str) -> None:
    program = SNIPPETS[0].replace("AioPikaBroker(os", "AioPikaBroker.from_url(os")
    (tmp_path / "app.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "RABBITMQ_URL": url}
    command = [sys.executable, "-m", "taskiq_cli", "worker", "app:broker", "--workers", "1"]
    worker = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        subprocess.run(
            [sys.executable, "app.py"], cwd=tmp_path, env=environment, check=True, timeout=PATIENCE
        )
        assert worker.stdout is not None
        said = _line_of(worker.stdout, "Hello")
    finally:
        worker.terminate()
        worker.communicate()

    assert said == "Hello, RabbitMQ\n"


def _line_of(output: IO[str], start: str) -> str:
    return next((line for line in output if line.startswith(start)), "")


def test_the_snippet_about_queues_runs() -> None:
    namespace: dict[str, object] = {"AioPikaBroker": AioPikaBroker}

    exec(compile(SNIPPETS[1], "README.md", "exec"), namespace)

    broker = namespace["broker"]
    assert isinstance(broker, AioPikaBroker)
    assert broker.queue_name == "mails"


def test_the_table_lists_every_option() -> None:
    [table] = re.findall(r"\| option \|.*?\n\n", README, re.DOTALL)

    rows = [line.split("|")[1] for line in table.splitlines()[2:] if line]
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert listed == list(inspect.signature(AioPikaBroker).parameters)


def test_defaults_in_the_table_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d .]+) \|", README, re.MULTILINE))

    assert len(rows) == 3
    for name, text in rows.items():
        default = inspect.signature(AioPikaBroker).parameters[name].default
        assert float(text.replace(" ", "")) == default, name


def test_options_of_urls_are_named() -> None:
    for name in (*URL_READERS, *CONNECTION_OPTIONS):
        assert f"`{name}`" in README

"""The README is true: its program runs, its tables list what the package has."""

import asyncio
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import zmq

from taskiq_core.receiver import Receiver
from taskiq_zmq import ZeroMQBroker
from taskiq_zmq.options import URL_OPTIONS

README = (Path(__file__).parents[1] / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def test_the_program_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = SNIPPETS[0].replace("tcp://127.0.0.1:5555", f"ipc://{tmp_path}/socket")
    client: dict[str, Any] = {"__name__": "app"}
    worker: dict[str, Any] = {"__name__": "app"}
    for namespace in (client, worker):
        exec(compile(program, "README.md", "exec"), namespace)
    worker["broker"].is_worker_process = True
    finish = asyncio.Event()
    listening = asyncio.create_task(Receiver(worker["broker"]).listen(finish))

    await client["main"]()

    assert capsys.readouterr().out == "3\n"
    finish.set()
    await listening
    await worker["broker"].shutdown()


def test_the_snippets_about_keys_run() -> None:
    server_public, server_secret = zmq.curve_keypair()
    worker_public, worker_secret = zmq.curve_keypair()
    namespace: dict[str, Any] = dict(locals())

    for snippet in SNIPPETS[1:]:
        exec(compile(snippet, "README.md", "exec"), namespace)

    assert namespace["on_the_client"].server_secret == server_secret


def test_the_table_lists_every_option() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)

    assert listed == list(inspect.signature(ZeroMQBroker).parameters)


def test_urls_take_options_of_the_broker() -> None:
    assert set(URL_OPTIONS) - {"bind"} <= set(inspect.signature(ZeroMQBroker).parameters)


def test_defaults_in_the_table_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d .]+) \|", README, re.MULTILINE))

    for name, text in rows.items():
        default = inspect.signature(ZeroMQBroker).parameters[name].default
        assert float(text.replace(" ", "")) == default, name

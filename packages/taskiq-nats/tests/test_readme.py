"""The README is true: its program runs, its tables list all options and streams."""

import inspect
import re
from pathlib import Path
from typing import get_type_hints

from taskiq_nats import JetStreamBroker
from taskiq_nats.options import BROKER_URL
from taskiq_nats.storage.server import ServerOptions
from taskiq_testservers.commands import run_beside_worker

README = (Path(__file__).parents[1] / "README.md").read_text()
[PROGRAM] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def option_names() -> list[str]:
    own = list(inspect.signature(JetStreamBroker).parameters)
    return [*own[:-1], *get_type_hints(ServerOptions)]


def test_the_program_runs_with_a_worker(tmp_path: Path, url: str) -> None:
    program = PROGRAM.replace("JetStreamBroker(os", "JetStreamBroker.from_url(os")
    (tmp_path / "app.py").write_text(program)

    assert run_beside_worker(tmp_path, NATS_URL=url) == "3\n"


def test_the_table_lists_every_option() -> None:
    [table] = re.findall(r"\| option \|.*?\n\n", README, re.DOTALL)

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == option_names()


def test_defaults_in_the_table_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d .]+) \|", README, re.MULTILINE))
    broker = JetStreamBroker()

    assert float(rows.pop("request_timeout")) == broker.server.request_timeout
    assert float(rows.pop("replicas")) == broker.server.replicas
    assert set(rows) == {"lease", "result_ttl"}
    for name, text in rows.items():
        default = inspect.signature(JetStreamBroker).parameters[name].default
        assert float(text.replace(" ", "")) == default, name


def test_urls_take_options_of_the_broker() -> None:
    assert set(BROKER_URL) <= set(option_names())


async def test_every_stream_is_explained(url: str) -> None:
    async with JetStreamBroker.from_url(url) as broker:
        answer = await broker.queue.connection.api("STREAM.NAMES")
        found = {name for name in answer["streams"] if name.endswith(broker.queue_name)}

    [table] = re.findall(r"\| stream \|.*?\n\n", README, re.DOTALL)
    explained = {name + broker.queue_name for name in re.findall(r"`(taskiq-\w+-)QUEUE`", table)}
    assert explained == found

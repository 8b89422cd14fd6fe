"""The README is true: its program runs, its table lists every option."""

import inspect
import re
from pathlib import Path

from taskiq_redis import RedisBroker
from taskiq_redis.options import BROKER_READERS
from taskiq_testservers.commands import run_beside_worker
from taskiq_testservers.redis_server import RedisServer

README = (Path(__file__).parents[1] / "README.md").read_text()
PROGRAM = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]


async def test_the_program_runs_with_a_worker(tmp_path: Path, server: RedisServer) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)

    assert run_beside_worker(tmp_path, REDIS_URL=server.url) == "3\n"


def test_the_table_lists_every_option_with_its_default() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]*)`? \|", README, re.MULTILINE))
    parameters = dict(inspect.signature(RedisBroker).parameters)
    del parameters["connection_kwargs"]

    assert set(table) == set(parameters)
    for name, parameter in parameters.items():
        if parameter.default is not None:
            assert table[name] == str(parameter.default), name
    assert set(BROKER_READERS) <= set(parameters)

"""What is counted in one process."""

import re
import socket
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from taskiq_core import BrokerMessage, Context, TaskiqDepends
from taskiq_core.messages.message import TaskiqMessage
from taskiq_core.messages.outcomes import Bury
from taskiq_inmemory import InMemoryBroker
from taskiq_prometheus import MetricsPortError, PrometheusMiddleware
from taskiq_prometheus.metrics import Metrics
from taskiq_prometheus.plugin import taskiq_register_middlewares


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def with_metrics(registry: CollectorRegistry, **options: Any) -> InMemoryBroker:
    return InMemoryBroker().with_middlewares(PrometheusMiddleware(registry=registry, **options))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_runs_errors_results_retries_and_dead_letters(registry: CollectorRegistry) -> None:
    broker = with_metrics(registry)

    @broker.task("fine")
    async def fine() -> None: ...

    @broker.task("fails")
    async def fails() -> None:
        raise ValueError

    @broker.task("again")
    async def again(context: Context = TaskiqDepends()) -> None:
        if context.attempt == 1:
            await context.requeue()
        context.reject()

    for task in (fine, fine, fails, again):
        await task.kiq()
    await broker.wait_all()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("received_tasks_total", task_name="fine") == 2
    assert value("success_tasks_total", task_name="fine") == 2
    assert value("saved_results_total", task_name="fine") == 2
    assert value("execution_time_count", task_name="fine") == 2
    assert value("found_errors_total", task_name="fails") == 1
    assert value("received_tasks_total", task_name="again") == 2
    assert value("retried_tasks_total", task_name="again") == 1
    assert value("dead_letters_total", task_name="again", reason="rejected") == 1
    assert value("queue_wait_time_count", task_name="again") == 1, "the first start only"
    for name in ("fine", "fails", "again"):
        assert value("tasks_in_flight", task_name=name) == 0


async def test_waiting_time_leaves_the_delay_out(registry: CollectorRegistry) -> None:
    broker = with_metrics(registry, wait_buckets=[0.5, 5])

    @broker.task("late", delay=0.6)
    async def late() -> None: ...

    await (await late.kiq()).wait_result(timeout=10)

    assert (
        registry.get_sample_value("queue_wait_time_bucket", {"task_name": "late", "le": "5.0"}) == 1
    )
    assert (registry.get_sample_value("queue_wait_time_sum", {"task_name": "late"}) or 0) < 0.6 * 10


async def test_unreadable_message_has_no_name(registry: CollectorRegistry) -> None:
    broker = with_metrics(registry)
    broker.task("t")(lambda: None)

    await broker.kick(BrokerMessage(task_id="1", task_name="t", message=b"?", labels={}))
    await broker.wait_all()

    assert (
        registry.get_sample_value("dead_letters_total", {"task_name": "", "reason": "unreadable"})
        == 1
    )


@pytest.mark.parametrize("sent_at", ["nan", "inf", "-inf", "soon", "", "9" * 400])
async def test_time_of_sending_that_is_not_a_number_harms_nothing(
    registry: CollectorRegistry, sent_at: str
) -> None:
    broker = with_metrics(registry)

    @broker.task("work")
    async def work() -> int:
        return 1

    task = await work.kicker().with_labels(**{"X-Taskiq-sent-at": sent_at}).kiq()

    assert (await task.wait_result(timeout=20)).return_value == 1
    assert registry.get_sample_value("queue_wait_time_sum", {"task_name": "work"}) is None


def test_names_of_unknown_tasks_are_one_series(registry: CollectorRegistry) -> None:
    broker = with_metrics(registry)
    (middleware,) = broker.middlewares
    assert isinstance(middleware, PrometheusMiddleware)

    for number in range(100):
        message = TaskiqMessage(
            task_id="id", task_name=f"unknown {number}", labels={}, args=[], kwargs={}
        )
        middleware.post_settle(message, Bury("unregistered"))

    labels = {"task_name": "unregistered", "reason": "unregistered"}
    assert registry.get_sample_value("dead_letters_total", labels) == 100
    assert b"unknown 1" not in generate_latest(registry)


def test_reasons_are_few(registry: CollectorRegistry) -> None:
    middleware = PrometheusMiddleware(registry=registry)

    middleware.post_settle(None, Bury("a reason that nobody else has"))

    assert (
        registry.get_sample_value("dead_letters_total", {"task_name": "", "reason": "other"}) == 1
    )


async def test_worker_serves_and_a_client_does_not(registry: CollectorRegistry) -> None:
    port = free_port()
    broker = with_metrics(registry, server_port=port, server_addr="127.0.0.1")
    broker.is_worker_process = True

    async with broker:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            assert "received_tasks" in response.read().decode()
        taken = with_metrics(CollectorRegistry(), server_port=port, server_addr="127.0.0.1")
        taken.is_worker_process = True
        with pytest.raises(MetricsPortError) as caught:
            await taken.startup()

    assert str(caught.value) == (
        f"Metrics can't be served at 127.0.0.1:{port}: Address already in use. "
        "Another program listens there, or another `taskiq worker`: each needs a port of its own. "
        "Stop it, or choose another port: PrometheusMiddleware(server_port=...)."
    )
    client = with_metrics(CollectorRegistry(), server_port=port, server_addr="127.0.0.1")
    async with client:
        with pytest.raises(OSError, match="refused"):
            urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


async def test_address_that_is_not_there(registry: CollectorRegistry) -> None:
    """What is wrong is the address: another port would not help."""
    broker = with_metrics(registry, server_port=free_port(), server_addr="203.0.113.1")
    broker.is_worker_process = True

    with pytest.raises(MetricsPortError, match=r"203\.0\.113\.1:.*\(server_addr="):
        await broker.startup()


def test_buckets_can_be_set(registry: CollectorRegistry) -> None:
    PrometheusMiddleware(registry=registry, buckets=[1, 60]).execution_time.labels("t").observe(2)

    text = generate_latest(registry).decode()

    assert re.findall(r'execution_time_bucket\{le="(.*?)"', text) == ["1.0", "60.0", "+Inf"]


def test_table_of_the_readme_is_that_of_the_code() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    table = re.findall(
        r"^\| `(\w+)` \| (counter|gauge|histogram) \| (.*?) \|", readme, re.MULTILINE
    )

    metrics = vars(Metrics(CollectorRegistry()))

    assert table == [
        (name, metric._type, ", ".join(f"`{label}`" for label in metric._labelnames))
        for name, metric in metrics.items()
    ]


def test_plugin_names_its_middleware() -> None:
    (spec,) = taskiq_register_middlewares()

    assert spec.factory == "taskiq_prometheus:PrometheusMiddleware"

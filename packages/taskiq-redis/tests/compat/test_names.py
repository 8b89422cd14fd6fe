"""The names of 1.x."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args, get_type_hints

import pytest

from taskiq_core.messages.history import HistoryOptions
from taskiq_core.messages.result import TaskiqResult
from taskiq_redis import (
    ListQueueBroker,
    ListQueueClusterBroker,
    ListQueueSentinelBroker,
    ListRedisClusterScheduleSource,
    ListRedisScheduleSource,
    ListRedisSentinelScheduleSource,
    PubSubBroker,
    PubSubSentinelBroker,
    RedisAsyncClusterResultBackend,
    RedisAsyncResultBackend,
    RedisAsyncSentinelResultBackend,
    RedisBroker,
    RedisStreamBroker,
    RedisStreamClusterBroker,
    RedisStreamSentinelBroker,
)
from taskiq_redis.compat.options import ConnectionOptions
from taskiq_redis.storage.connection_options import ENCRYPTED
from taskiq_testservers.redis_server import RedisServer

URL = "redis://h:1"
SENTINELS = [("h", 1)]
# Form -> what it is a form of, and where its server is.
FORMS: Mapping[type, tuple[type, tuple[Any, ...]]] = {
    ListQueueBroker: (RedisBroker, (URL,)),
    RedisStreamBroker: (RedisBroker, (URL,)),
    ListQueueSentinelBroker: (RedisBroker, (SENTINELS, "m")),
    RedisStreamSentinelBroker: (RedisBroker, (SENTINELS, "m")),
    ListQueueClusterBroker: (RedisBroker, (URL,)),
    RedisStreamClusterBroker: (RedisBroker, (URL,)),
    PubSubSentinelBroker: (PubSubBroker, (SENTINELS, "m")),
    RedisAsyncSentinelResultBackend: (RedisAsyncResultBackend, (SENTINELS, "m")),
    RedisAsyncClusterResultBackend: (RedisAsyncResultBackend, (URL,)),
    ListRedisSentinelScheduleSource: (ListRedisScheduleSource, (SENTINELS, "m")),
    ListRedisClusterScheduleSource: (ListRedisScheduleSource, (URL,)),
}
# An option that an engine gets one day needs a value here.
VALUES: Mapping[str, Any] = {
    "lease": 2.5,
    "result_ex_time": 3,
    "max_message_size": 4,
    "poll_interval": 5.5,
    "socket_timeout": 6.5,
    "history": HistoryOptions(max_deliveries=9),
    "claim_lease": 7.5,
    "claim_memory": 8.5,
}
each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)


def _make(form: type, **options: Any) -> Any:
    return form(*FORMS[form][1], **options)


def _options_of(engine: type) -> list[str]:
    parameters = inspect.signature(engine).parameters.values()
    by_name = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
    return [name for name in by_name if name != "server"]


async def _double(number: int) -> int:
    return 2 * number


# --- lists and streams ----------------------------------------------------------------------------


async def test_lists_keep_no_results_unless_they_are_told_where(server: RedisServer) -> None:
    broker = ListQueueBroker(server.url, max_connection_pool_size=3)
    task = await broker.register_task(_double, "double").kiq(1)

    with pytest.warns(UserWarning, match="no result backend"):
        await task.wait_result(timeout=1)

    assert (await broker.stats()).waiting == 1
    await broker.shutdown()


async def test_lists_keep_results_on_their_server_if_they_are_told_how_long(
    server: RedisServer,
) -> None:
    broker = ListQueueBroker(server.url, result_ex_time=60)
    result = TaskiqResult[int](is_err=False, return_value=2, execution_time=0.0)

    await broker.result_backend.set_result("id", result)

    assert 0 < int(await server.say("TTL", "{taskiq}:result:id")) <= 60
    await broker.shutdown()


def test_streams_take_what_they_do_not_need() -> None:
    broker = RedisStreamBroker(
        "redis://host",
        "mail",
        None,
        "group",
        consumer_name="me",
        xread_block=1,
        xread_count=2,
        mkstream=True,
        approximate=True,
        idle_timeout=5_000,
        unacknowledged_batch_size=3,
    )

    assert (broker.queue_name, broker.lease) == ("mail", 5)


@pytest.mark.parametrize(
    "form",
    [RedisStreamBroker, RedisStreamSentinelBroker, RedisStreamClusterBroker],
    ids=lambda form: form.__name__,
)
@pytest.mark.parametrize("option", [{"maxlen": 1000}, {"additional_streams": {"other": ">"}}])
def test_streams_refuse_what_would_lose_tasks(form: type, option: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{form.__name__}: {next(iter(option))}"):
        _make(form, **option)


# --- Sentinel and Cluster -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broker",
    [
        ListQueueSentinelBroker([("h", 1)], "m", queue_name="mail"),
        RedisStreamSentinelBroker([("h", 1)], "m", queue_name="mail"),
        PubSubSentinelBroker([("h", 1)], "m", queue_name="mail"),
        ListQueueClusterBroker("redis://h:1", queue_name="mail"),
        RedisStreamClusterBroker("redis://h:1", queue_name="mail"),
    ],
    ids=lambda broker: type(broker).__name__,
)
def test_names_for_sentinel_and_cluster(broker: Any) -> None:
    assert broker.queue_name == "mail"
    assert repr(broker).startswith(f"{type(broker).__name__}(the ")


# The parameters of taskiq-redis 1.2.4 that have a name, in their order.
_STREAMS = "consumer_group_name consumer_name consumer_id mkstream xread_block maxlen approximate"
_SINGLE = "url task_id_generator result_backend queue_name max_connection_pool_size"
_SENTINEL = (
    "sentinels master_name result_backend task_id_generator queue_name min_other_sentinels "
    "sentinel_kwargs"
)
_CLUSTER = "url queue_name max_connection_pool_size"
KNOWN: Mapping[type, str] = {
    ListQueueBroker: _SINGLE,
    RedisStreamBroker: f"url queue_name max_connection_pool_size {_STREAMS} idle_timeout "
    "unacknowledged_batch_size unacknowledged_lock_timeout xread_count additional_streams",
    ListQueueSentinelBroker: _SENTINEL,
    PubSubSentinelBroker: _SENTINEL,
    RedisStreamSentinelBroker: "sentinels master_name min_other_sentinels queue_name "
    f"{_STREAMS} additional_streams",
    ListQueueClusterBroker: _CLUSTER,
    RedisStreamClusterBroker: f"{_CLUSTER} {_STREAMS} additional_streams",
    RedisAsyncSentinelResultBackend: "sentinels master_name keep_results result_ex_time "
    "result_px_time min_other_sentinels sentinel_kwargs serializer prefix_str",
    RedisAsyncClusterResultBackend: "redis_url keep_results result_ex_time result_px_time "
    "serializer prefix_str",
}


@pytest.mark.parametrize(
    ("form", "names"), KNOWN.items(), ids=lambda it: getattr(it, "__name__", "")
)
def test_arguments_stand_where_programs_for_1_x_put_them(form: type, names: str) -> None:
    parameters = inspect.signature(form).parameters.values()

    by_position = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]

    assert by_position == names.split()


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "option"),
    [
        pytest.param(form, option, id=f"{form.__name__}-{option}")
        for form, (engine, _) in FORMS.items()
        for option in _options_of(engine)
    ],
)
def test_an_option_of_the_engine_reaches_it(form: type, option: str) -> None:
    made = _make(form, **{option: VALUES[option]})

    if option == "result_ex_time":
        assert made.result_backend._milliseconds == 1000 * VALUES[option]
    else:
        assert getattr(made, option) == VALUES[option]


@each_form
def test_editors_know_the_options_of_the_engine(form: Any) -> None:
    (options,) = get_args(get_type_hints(form.__init__)["options"])

    assert set(options.__annotations__) >= set(_options_of(FORMS[form][0]))


def test_editors_know_only_options_of_connections_that_there_are() -> None:
    assert set(ConnectionOptions.__annotations__) <= {*ENCRYPTED, "ssl"}


class _Recorded:
    """Stands where a server does, and keeps the options that it is given."""

    address = "nowhere"

    def __init__(self, *args: Any, **options: Any) -> None:
        self.options = options


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("taskiq_redis.compat.sentinel.SentinelServer", _Recorded)
    monkeypatch.setattr("taskiq_redis.compat.cluster.ClusterServer", _Recorded)
    monkeypatch.setattr("taskiq_redis.broker.SingleServer", _Recorded)


@each_form
def test_all_others_reach_the_connections(form: type, recorded: None) -> None:
    made = _make(form, socket_timeout=2, client_name="me", health_check_interval=3)

    theirs = {
        name: value
        for name, value in made.server.options.items()
        if name not in ("min_other_sentinels", "sentinel_kwargs")
    }
    assert theirs == {"client_name": "me", "health_check_interval": 3}


@each_form
def test_an_unknown_option_is_refused(form: type) -> None:
    with pytest.raises(
        ValueError, match=rf"{form.__name__} has no option 'nonsense'.*Leave it out"
    ):
        _make(form, nonsense=1)


@each_form
def test_an_option_with_a_slip_is_refused_with_the_one_that_is_meant(form: type) -> None:
    with pytest.raises(ValueError, match=r"'socket_timeuot'.*Did you mean 'socket_timeout'"):
        _make(form, socket_timeuot=1)


def test_options_of_the_url_are_not_options_beside_a_server() -> None:
    server = ListQueueBroker(URL).server

    with pytest.raises(ValueError, match="'client_name'"):
        ListQueueBroker(server=server, client_name="me")


def test_options_of_connections_to_sentinels_are_looked_at_too() -> None:
    with pytest.raises(ValueError, match=r"sentinel_kwargs has no option 'pasword'.*'password'"):
        ListQueueSentinelBroker(SENTINELS, "m", sentinel_kwargs={"pasword": "x"})


@pytest.mark.parametrize(
    "make",
    [
        partial(ListQueueBroker, "rediss://h"),
        partial(ListQueueClusterBroker, "rediss://h"),
        partial(ListQueueSentinelBroker, SENTINELS, "m", ssl=True),
    ],
    ids=["one", "cluster", "sentinel"],
)
def test_options_of_tls_are_taken_where_there_is_tls(make: Callable[..., Any]) -> None:
    assert make(ssl_ca_certs="ca.pem").queue_name == "taskiq"


@pytest.mark.parametrize(
    "make",
    [
        partial(ListQueueBroker, URL),
        partial(ListQueueClusterBroker, URL),
        partial(ListQueueSentinelBroker, SENTINELS, "m"),
    ],
    ids=["one", "cluster", "sentinel"],
)
def test_options_of_tls_are_refused_where_there_is_none(make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"'ssl_ca_certs'.*rediss://.*ssl=True"):
        make(ssl_ca_certs="ca.pem")


def test_a_connection_of_ones_own_says_which_options_it_has() -> None:
    from redis.asyncio.connection import Connection

    class Traced(Connection):
        def __init__(self, *, trace: str, **options: Any) -> None:
            super().__init__(**options)

    ListQueueBroker(URL, connection_class=Traced, trace="on")  # type: ignore[call-arg]  # an editor can't know

    with pytest.raises(ValueError, match=r"'tarce'.*'trace'"):
        ListQueueBroker(URL, connection_class=Traced, tarce="on")  # type: ignore[call-arg]

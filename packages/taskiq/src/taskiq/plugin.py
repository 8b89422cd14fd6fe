"""What taskiq adds for its plugins: the commands that install those of its extras."""

from taskiq_core.plugins import InstallCure, hookimpl

TASKIQ_PLUGIN_API = (1, 1)

_ALWAYS = "pip install taskiq"


def _extra(name: str) -> str:
    return f'pip install "taskiq[{name}]"'


INSTALL_CURES = (
    # in every installation
    InstallCure("taskiq-cli", words=("cli",), command=_ALWAYS),
    InstallCure("taskiq-inmemory", words=("inmemory", "memory"), command=_ALWAYS),
    InstallCure("taskiq-retry", words=("retry",), command=_ALWAYS),
    InstallCure("taskiq-scheduler", words=("scheduler",), command=_ALWAYS),
    InstallCure("taskiq-serializers", words=("serializers",), command=_ALWAYS),
    InstallCure("taskiq-sqlite", words=("sqlite",), command=_extra("sqlite")),
    # extras
    InstallCure("taskiq-admin", words=("admin",), command=_extra("admin")),
    InstallCure(
        "taskiq-aio-pika",
        words=("aio-pika", "amqp", "amqps"),
        command=_extra("aio-pika"),
    ),
    InstallCure("taskiq-nats", words=("nats", "nats+tls"), command=_extra("nats")),
    InstallCure("taskiq-opentelemetry", words=("opentelemetry",), command=_extra("opentelemetry")),
    InstallCure("taskiq-pgsql", words=("pgsql", "postgresql", "postgres"), command=_extra("pgsql")),
    InstallCure("taskiq-prometheus", words=("prometheus",), command=_extra("prometheus")),
    InstallCure(
        "taskiq-redis",
        words=("redis", "rediss", "redis+pubsub", "unix"),
        command=_extra("redis"),
    ),
    InstallCure("taskiq-web", words=("web",), command=_extra("web")),
    InstallCure("taskiq-zmq", words=("zmq", "zmq+ipc", "zmq+tcp"), command=_extra("zmq")),
)


@hookimpl
def taskiq_register_install_cures() -> list[InstallCure]:
    """The packages that `pip install taskiq` and its extras bring."""
    return list(INSTALL_CURES)

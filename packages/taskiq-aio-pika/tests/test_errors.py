"""Every error says what happened and what to do, and survives pickle and copy."""

import copy
import pickle

import aiormq
import pytest
from pamqp import commands

from taskiq_aio_pika import errors
from taskiq_aio_pika.storage.error_mapping import as_broker_error
from taskiq_core import exceptions
from taskiq_core.exceptions import BrokerSetupError, TaskiqError

ERRORS: list[tuple[TaskiqError, str]] = [
    (
        errors.RabbitUnreachableError(address="h/v", reason="why"),
        (
            "RabbitMQ at h/v can't be reached: why. Is it running there? The next call connects "
            "again."
        ),
    ),
    (
        errors.RabbitTimeoutError(address="h/v", timeout=30.0),
        (
            "RabbitMQ at h/v has not answered for 30 s. Look at its load and at the majority of "
            "its nodes, or raise confirm_timeout."
        ),
    ),
    (
        errors.RabbitBlockedError(address="h/v"),
        (
            "RabbitMQ at h/v takes no messages: it has raised an alarm for its memory or disk "
            "(`rabbitmqctl list_alarms` shows it). What was sent meanwhile may be stored later."
        ),
    ),
    (
        errors.RabbitLoginError(address="h/v", reason="why"),
        (
            "RabbitMQ at h/v can't be reached: why. Look at the user, the password and the "
            "virtual host of its URL. The next call connects again."
        ),
    ),
    (
        errors.RabbitCommandError(address="h/v", reason="why"),
        "RabbitMQ at h/v refused a command: why",
    ),
    (
        errors.RabbitRightsError(address="h/v", reason="why"),
        (
            "RabbitMQ at h/v does not let its user do what taskiq needs: why. Give the user the "
            "rights that the README of taskiq-aio-pika lists."
        ),
    ),
    (
        errors.QueueMissingError(address="h/v", queue="q"),
        (
            "RabbitMQ at h/v has no queue 'q'. A worker or client that may create queues creates "
            "it when it starts."
        ),
    ),
    (
        errors.RabbitUrlError(reason="why"),
        "The URL of the RabbitMQ server can't be used: why",
    ),
]


@pytest.mark.parametrize(("error", "text"), ERRORS, ids=[type(each).__name__ for each, _ in ERRORS])
def test_text_pickle_and_copy(error: TaskiqError, text: str) -> None:
    assert str(error) == text
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(twin), str(twin), vars(twin)) == (type(error), text, vars(error))


def test_every_error_is_tried() -> None:
    tried = {type(error).__name__ for error, _ in ERRORS}
    of_core = {name for name in errors.__all__ if hasattr(exceptions, name)}

    assert tried | of_core == set(errors.__all__)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (aiormq.exceptions.ProbableAuthenticationError("no"), errors.RabbitLoginError),
        (aiormq.exceptions.ConnectionClosed(530, "no vhost"), errors.RabbitLoginError),
        (aiormq.exceptions.ConnectionClosed(320, "closed"), errors.RabbitUnreachableError),
        (aiormq.exceptions.ChannelAccessRefused("no"), errors.RabbitRightsError),
        (aiormq.exceptions.ChannelNotFoundEntity("no"), errors.QueueMissingError),
        (aiormq.exceptions.ChannelPreconditionFailed("no"), errors.RabbitCommandError),
        (aiormq.exceptions.ChannelClosed(320, "no"), errors.RabbitUnreachableError),
        (
            aiormq.exceptions.DeliveryError(None, commands.Basic.Nack()),
            errors.RabbitCommandError,
        ),
        (TimeoutError(), errors.RabbitTimeoutError),
        (OSError("no"), errors.RabbitUnreachableError),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else each.__name__,
)
def test_errors_of_the_client_library(error: Exception, kind: type[TaskiqError]) -> None:
    assert type(as_broker_error(error, "h/v")) is kind


def test_workers_end_where_no_time_will_mend_it() -> None:
    assert issubclass(errors.RabbitLoginError, BrokerSetupError)
    assert issubclass(errors.RabbitRightsError, BrokerSetupError)

"""Secrets of URLs stay out of messages."""

import pytest

from taskiq_core.plugins.redaction import redacted, scheme_of, secrets_in, without_credentials


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("redis://host", set()),
        ("redis://user@host", set()),
        ("redis://user:geheim@host:1/0", {"geheim"}),
        ("redis://:ge%40heim@host", {"ge%40heim", "ge@heim"}),
        ("redis://user:ge@heim@host", {"ge@heim"}),
        ("redis://user:ge/heim@host", {"ge/heim"}),
        ("redis://user:ge:heim@[::1", {"ge:heim"}),
        ("nats://host?token=abc&x=1&Password=d%2Fe#f", {"abc", "d%2Fe", "d/e"}),
        ("no url", set()),
        ("redis:/user:geheim@host", {"geheim"}),
        ("redis//user:geheim@host", {"geheim"}),
        ("redis;//user:geheim@host", {"geheim"}),
        ("redis:user:geheim@host", {"geheim"}),
        ("user:geheim@host", {"geheim"}),
        ("app.tkq:broker", set()),
    ],
)
def test_secrets_in(url: str, secrets: set[str]) -> None:
    assert secrets_in(url) == secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at redis://user:geheim@host:1/0.", "at redis://user:***@host:1/0."),
        ("at redis://:ge@heim@host", "at redis://:***@host"),
        ("'redis:/user:geheim@host'", "'redis:***@host'"),
        ("redis//user:geheim@host is", "redis//user:***@host is"),
        ("mail to me@host: app:broker", "mail to me@host: app:broker"),
        ("redis://user@host, app:broker", "redis://user@host, app:broker"),
        ("no url: none", "no url: none"),
    ],
)
def test_without_credentials(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_redacted() -> None:
    assert redacted("a ge, a geheim", frozenset({"ge", "geheim"})) == "a ***, a ***"


@pytest.mark.parametrize(
    ("url", "scheme"),
    [("zmq+tcp://x", "zmq+tcp"), (" REDIS://", "redis"), ("redis:x", None), ("a b://x", None)],
)
def test_scheme_of(url: str, scheme: str | None) -> None:
    assert scheme_of(url) == scheme

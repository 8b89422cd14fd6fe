"""URLs are read, and refused where they make no sense."""

import pytest

from taskiq_core.brokers.url_options import read_switch
from taskiq_sqlite.errors import DatabaseFileError
from taskiq_sqlite.options import read_url


@pytest.mark.parametrize(
    ("url", "path", "options"),
    [
        ("sqlite:///tasks.db", "tasks.db", {}),
        ("sqlite:////var/lib/a%20b.db", "/var/lib/a b.db", {}),
        ("sqlite:///t.db?lease=2.5&switch=no", "t.db", {"lease": 2.5, "switch": False}),
    ],
)
def test_urls(url: str, path: str, options: dict[str, object]) -> None:
    assert read_url(url, {"lease": float, "switch": read_switch}) == (path, options)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("sqlite://tasks.db", "looks like"),
        ("sqlite:///", "looks like"),
        ("redis:///x", "looks like"),
        ("sqlite:///t.db?leas=1", "unknown option 'leas'; did you mean 'lease'?"),
        ("sqlite:///t.db?lease=long", "its option lease is 'long'"),
        ("sqlite:///t.db?switch=perhaps", "its option switch is 'perhaps'"),
    ],
)
def test_urls_that_make_no_sense(url: str, part: str) -> None:
    with pytest.raises(DatabaseFileError, match=part):
        read_url(url, {"lease": float, "switch": read_switch})

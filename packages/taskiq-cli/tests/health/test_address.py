"""Health addresses, and the sockets behind them."""

from pathlib import Path

import pytest

from taskiq_cli.errors import HealthAddressError
from taskiq_cli.health.address import Address


@pytest.mark.parametrize(
    "text", ["127.0.0.1:8080", "localhost:0", "[::1]:80", "unix:/run/x.sock", "unix:x.sock"]
)
def test_addresses(text: str) -> None:
    assert str(Address(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "8080", ":8080", "host", "host:", "host:x", "host:65536", "::1:80", "unix:", "h:\u0661"],
)
def test_texts_that_are_not_an_address(text: str) -> None:
    with pytest.raises(HealthAddressError, match=r"HOST:PORT, such as 127\.0\.0\.1:8080, or unix:"):
        Address(text)


def test_unix_socket_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    address = Address(f"unix:{tmp_path}/x.sock")
    address.listen().close()

    with address.listen(), address.connect(1):
        pass


def test_file_is_not_taken_for_a_socket(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("precious")

    with pytest.raises(OSError, match="in use"):
        Address(f"unix:{tmp_path}/x").listen()

    assert (tmp_path / "x").read_text() == "precious"

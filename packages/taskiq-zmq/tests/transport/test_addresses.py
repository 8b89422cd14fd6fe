"""Addresses are parsed, checked and resolved before libzmq sees them."""

import pytest

from taskiq_zmq.errors import AddressError
from taskiq_zmq.transport.addresses import Address, parse_address, resolve


class TestAddresses:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("tcp://127.0.0.1:5555", Address(host="127.0.0.1", port=5555)),
            ("tcp://*:0", Address(host="*", port=0)),
            ("tcp://localhost:*", Address(host="localhost", port=0)),
            ("tcp://[::1]:80", Address(host="::1", port=80)),
            ("ipc:///tmp/x", Address(path="/tmp/x")),
        ],
    )
    def test_good_ones(self, text: str, address: Address) -> None:
        assert parse_address(text, broker="B") == address
        assert parse_address(str(address), broker="B") == address

    @pytest.mark.parametrize(
        "text",
        [
            *("", "tcp://", "tcp://host", "tcp://:5555", "tcp://h:x", "tcp://h:-1"),
            *("tcp://h:65536", "http://h:1", "ipc://", "127.0.0.1:5555", "tcp://h:5 "),
        ],
    )
    def test_bad_ones_are_named(self, text: str) -> None:
        with pytest.raises(AddressError, match="tcp://host:port") as caught:
            parse_address(text, broker="B")

        assert repr(text) in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "is_local"),
        [
            ("tcp://127.0.0.1:1", True),
            ("tcp://127.9.9.9:1", True),
            ("tcp://localhost:1", True),
            ("tcp://[::1]:1", True),
            ("ipc:///x", True),
            ("tcp://0.0.0.0:1", False),
            ("tcp://*:1", False),
            ("tcp://host:1", False),
        ],
    )
    def test_what_stays_on_this_machine(self, text: str, is_local: bool) -> None:
        assert parse_address(text, broker="B").is_local is is_local

    async def test_localhost_is_an_ipv4_address(self) -> None:
        resolved = await resolve(Address(host="localhost", port=1), broker="B")

        assert resolved == Address(host="127.0.0.1", port=1)

    async def test_a_name_that_does_not_exist_is_an_error(self) -> None:
        with pytest.raises(AddressError, match=r"'no-such-host\.invalid' can't be resolved"):
            await resolve(Address(host="no-such-host.invalid", port=1), broker="B")

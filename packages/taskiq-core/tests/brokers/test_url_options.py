"""Options of URLs: read, left to the client library, or refused with a hint."""

from typing import Any

import pytest

from taskiq_core.brokers.url_options import (
    OptionReaders,
    read_switch,
    read_url_options,
    take_url_options,
    unknown_option,
)
from taskiq_core.exceptions import UrlOptionError

READERS: OptionReaders = {"lease": float, "queue_name": str, "sync": read_switch}


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("", {}),
        ("?lease=30", {"lease": 30.0}),
        ("?lease=1&sync=no&queue_name=a%20b", {"lease": 1.0, "sync": False, "queue_name": "a b"}),
        ("?lease=1&lease=2", {"lease": 2.0}),
        ("?queue_name=", {"queue_name": ""}),
    ],
)
def test_options_are_read(query: str, options: dict[str, Any]) -> None:
    address = "store://me:secret@host:1/path"

    assert read_url_options(address + query, READERS) == (address, options)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?leese=3", "unknown option 'leese'; did you mean 'lease'?"),
        ("?color=red", "unknown option 'color'; known are lease, queue_name, sync"),
        ("?lease=soon", "its option lease is 'soon'"),
        ("?sync=perhaps", "its option sync is 'perhaps'"),
    ],
)
def test_what_can_not_be_read_is_refused(query: str, reason: str) -> None:
    with pytest.raises(UrlOptionError) as caught:
        read_url_options("store://host" + query, READERS)

    assert caught.value.reason == reason


def test_other_options_are_left_to_the_client_library() -> None:
    address, options = take_url_options("store://host/0?lease=3&timeout=5&name=a%26b", READERS)

    assert address == "store://host/0?timeout=5&name=a%26b"
    assert options == {"lease": 3.0}


def test_address_without_other_options_has_no_query() -> None:
    assert take_url_options("store://host?lease=3", READERS) == ("store://host", {"lease": 3.0})


def test_own_options_are_refused_there_too() -> None:
    with pytest.raises(UrlOptionError, match="its option lease is 'soon'"):
        take_url_options("store://host?lease=soon", READERS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("YES", True), ("1", True), ("False", False), ("no", False), ("0", False)],
)
def test_switches(text: str, value: bool) -> None:
    assert read_switch(text) is value


@pytest.mark.parametrize("text", ["", "on", "2", "truee"])
def test_text_that_is_not_a_switch(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        read_switch(text)


def test_hint_of_an_unknown_option_names_all_that_there_are() -> None:
    assert unknown_option("x", {"a": 1, "b": 2}) == "unknown option 'x'; known are a, b"

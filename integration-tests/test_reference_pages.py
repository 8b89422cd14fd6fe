"""The pages of docs/reference are as fresh as the code."""

import pytest

import write_reference
from taskiq_testservers.commands import ROOT


@pytest.mark.parametrize("name", sorted(write_reference.pages()))
def test_page_is_fresh(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text()

    assert written == write_reference.pages()[name], "run `python3 -m nox -s reference`"


def test_every_exception_of_a_plugin_is_listed() -> None:
    names = {each.__name__ for each in write_reference.error_classes()}

    assert {"TaskiqError", "LeaseLostError", "DuplicateKeyError", "AddressInUseError"} <= names

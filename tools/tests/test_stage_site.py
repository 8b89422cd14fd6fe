"""Pages of the site: where they are, where their links lead, and which the navigation has."""

from pathlib import Path

import pytest

from stage_site import (
    BrokenLinkError,
    api_page,
    listed_pages,
    page_homes,
    public_objects,
    site_pages,
    with_links,
    with_sections,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of one package, with a page of docs and one about plugins."""
    files = {
        "README.md": "# Project\n",
        "CONTRIBUTING.md": "[start](README.md)\n",
        "docs/index.md": "[one](../packages/one) [how](howto/test.md#anchor) "
        "[code](../packages/one/src)\n",
        "docs/howto/test.md": "![all](../all.svg)\n[`one`](../../packages/one/README.md)\n",
        "docs/all.svg": "<svg/>",
        "packages/one/pyproject.toml": "",
        "packages/one/README.md": "[how](../../docs/howto/test.md) [web](https://example.com/x)\n",
        "packages/one/CHANGELOG.md": "# Changes\n",
        "packages/one/src/one/__init__.py": (
            "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
            "    from one.broker import Broker\n    from two import Other\n"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_links_lead_from_page_to_page(root: Path) -> None:
    pages = site_pages(root)

    assert pages["index.md"] == "[one](packages/one.md) [how](howto/test.md#anchor) code\n"
    assert pages["howto/test.md"] == "![all](../all.svg)\n[`one`](../packages/one.md)\n"
    assert pages["packages/one.md"] == "[how](../howto/test.md) [web](https://example.com/x)\n"
    assert pages["contributing.md"] == "[start](index.md)\n"


def test_a_link_to_nothing_is_an_error(root: Path) -> None:
    (root / "docs/index.md").write_text("[gone](gone.md)\n")

    with pytest.raises(BrokenLinkError, match=r"docs/index.md: there is no docs/gone.md"):
        with_links(root, "docs/index.md", page_homes(root))


def test_code_is_left_alone(root: Path) -> None:
    code = "```python\nhandlers[name](gone)\n```\n"
    (root / "docs/index.md").write_text(code)

    assert with_links(root, "docs/index.md", page_homes(root)) == code


def test_the_names_of_a_package_are_those_that_it_defines(root: Path) -> None:
    front = (root / "packages/one/src/one/__init__.py").read_text()

    assert [*public_objects(front, "one")] == ["one.broker.Broker"]
    assert "::: one.broker.Broker\n" in api_page(root, "one")


def test_sections_are_filled_with_the_pages_of_a_folder() -> None:
    settings = with_sections('nav = [{ "All" = "@packages" }]', ["packages/b.md", "x.md"])

    assert settings == 'nav = [{ "All" = [{"b" = "packages/b.md"}] }]'


def test_navigation_lists_pages_at_every_depth() -> None:
    nav = [{"A": "a.md"}, {"B": [{"C": [{"D": "d.md"}]}, "e.md"]}]

    assert [*listed_pages(nav)] == ["a.md", "d.md", "e.md"]

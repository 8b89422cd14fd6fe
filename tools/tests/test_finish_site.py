"""The built site: links that lead nowhere, and what is loaded from elsewhere."""

from pathlib import Path

import pytest

import finish_site
from finish_site import llms_text, problems_of, read


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(finish_site, "SITE", tmp_path)
    return tmp_path


def problems(site: Path, body: str) -> list[str]:
    (site / "index.html").write_text(body)
    (site / "other.html").write_text('<h2 id="here">Here</h2>')
    return [*problems_of({file: read(file) for file in sorted(site.glob("*.html"))})]


@pytest.mark.parametrize(
    "link", ["other.html", "other.html#here", "#top", "https://example.com/gone", "other.html?q=1"]
)
def test_links_that_lead_somewhere(site: Path, link: str) -> None:
    assert problems(site, f'<p id="top"><a href="{link}">x</a></p>') == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone.html">x</a>', "index.html: gone.html is not a page"),
        ('<a href="other.html#no">x</a>', "index.html: other.html#no is not an anchor there"),
        ('<a href="#no">x</a>', "index.html: #no is not an anchor there"),
        (
            '<script src="https://cdn.example.com/a.js"></script>',
            "index.html loads https://cdn.example.com/a.js from elsewhere",
        ),
    ],
)
def test_what_is_wrong_is_said(site: Path, body: str, problem: str) -> None:
    assert problems(site, body) == [problem]


def test_llms_text_lists_the_pages(tmp_path: Path) -> None:
    (tmp_path / ".site").mkdir()
    (tmp_path / ".site/zensical.toml").write_text(
        '[project]\nsite_name = "x"\nsite_description = "About x"\n'
        'nav = [{ "Start" = "index.md" }, { "Learn" = [{ "Tasks" = "tasks.md" }] }]\n'
    )

    assert llms_text(tmp_path) == (
        "# x\n\n> About x\n- [Start](index.md)\n\n## Learn\n\n- [Tasks](tasks.md)\n"
    )

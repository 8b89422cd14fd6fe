"""Pages that plugins add: shown as text, and their failures are theirs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from taskiq_core.abc.broker import AbstractBroker
from taskiq_core.abc.web_page import PageTable, PageText, WebPage
from taskiq_core.plugins import PluginInfo, PluginRegistry, Provides, WebPageSpec
from taskiq_web import DashboardOptions, dashboard, token_access


class StockPage(WebPage):
    async def sections(
        self, broker: AbstractBroker, query: Mapping[str, str]
    ) -> Sequence[PageTable | PageText]:
        rows = [("<b>bolts</b>", 7, None), (query.get("shelf", "-"), 1.5, {"password": "x"})]
        return [
            PageTable("Stock", ("part", "count", "more"), rows),
            PageTable("Orders", ("order",), [], empty="No orders."),
            PageText("Note", f"<script>{broker.queue_name}</script>"),
        ]


class BrokenPage(WebPage):
    async def sections(self, broker: AbstractBroker, query: Mapping[str, str]) -> Any:
        raise RuntimeError("the warehouse is closed")


def registry_with(*specs: WebPageSpec) -> PluginRegistry:
    plugin = PluginInfo("acme", "taskiq-acme", "1.0", provides=Provides(web_pages=specs))
    return PluginRegistry((plugin,))


def spec(name: str, title: str, attribute: str) -> WebPageSpec:
    return WebPageSpec(name, title=title, target=f"acme_pages:{attribute}")


async def client_of(stage: Any, monkeypatch: Any, *specs: WebPageSpec) -> Any:
    import sys
    import types

    module = types.ModuleType("acme_pages")
    module.__dict__.update(StockPage=StockPage, BrokenPage=BrokenPage, NotAPage=dict)
    monkeypatch.setitem(sys.modules, "acme_pages", module)
    stage.client._transport.app = dashboard(
        stage.broker,
        resolver=token_access("a-token-for-tests-only"),
        options=DashboardOptions(),
        registry=registry_with(*specs),
    )
    return stage.client


async def test_page_of_a_plugin_is_in_the_menu_and_shows_text(stage: Any, monkeypatch: Any) -> None:
    client = await client_of(stage, monkeypatch, spec("stock", "Stock & more", "StockPage"))

    page = (await client.get("/pages/stock?shelf=<i>9")).text
    data = (await client.get("/pages/stock?format=json")).json()

    assert "Stock &amp; more</a>" in page
    assert "&lt;b&gt;bolts&lt;/b&gt;" in page
    assert "&lt;i&gt;9" in page
    assert "<script>default" not in page
    assert "No orders." in page
    assert data["sections"][0]["rows"][0] == ["<b>bolts</b>", 7, ""]


async def test_page_that_fails_breaks_no_other(stage: Any, monkeypatch: Any) -> None:
    client = await client_of(
        stage,
        monkeypatch,
        spec("broken", "Broken", "BrokenPage"),
        spec("wrong", "Wrong", "NotAPage"),
        spec("missing", "Missing", "Missing"),
    )

    assert "the warehouse is closed" in (await client.get("/pages/broken")).text
    wrong = await client.get("/pages/wrong")
    assert (wrong.status_code, "not a subclass of WebPage" in wrong.text) == (500, True)
    assert (await client.get("/pages/missing")).status_code == 503
    assert (await client.get("/")).status_code == 200


def test_names_of_hosts_are_a_list_in_any_case() -> None:
    options = DashboardOptions(allowed_hosts=["Dash.Example.org"])

    assert options.allowed_hosts == {"dash.example.org"}
    with pytest.raises(TypeError, match="a list of names"):
        DashboardOptions(allowed_hosts="dash.example.org")

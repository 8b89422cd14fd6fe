"""Messages in the form of the broker's serializer."""

from taskiq_core.formatters.proxy_formatter import ProxyFormatter

__all__ = ["ProxyFormatter"]

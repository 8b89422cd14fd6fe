"""TaskiqInstrumentor: the middleware for brokers of programs that do not know it."""

from collections.abc import Callable, Collection
from typing import Any, ClassVar
from weakref import WeakSet

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from taskiq_core.broker import AsyncBroker
from taskiq_opentelemetry.middleware import OpenTelemetryMiddleware


class TaskiqInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # its package is untyped
    """Adds `OpenTelemetryMiddleware` to brokers.

    `instrument()` concerns brokers that are made later, `instrument_broker(broker)` one that
    exists. `uninstrument()` removes it from all of them.
    """

    # There is one instance: its base makes sure of that.
    _original_init: ClassVar[Callable[..., None] | None] = None
    _brokers: ClassVar[WeakSet[AsyncBroker]] = WeakSet()

    def instrumentation_dependencies(self) -> Collection[str]:
        """What has to be installed."""
        return ("taskiq-core >= 1.0",)

    def instrument_broker(
        self,
        broker: AsyncBroker,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        """Add the middleware to a broker that does not have it.

        Args:
            broker: the broker.
            tracer_provider: makes the tracer; the global one by default.
            meter_provider: makes the meter; the global one by default.
        """
        if not any(isinstance(each, OpenTelemetryMiddleware) for each in broker.middlewares):
            broker.add_middlewares(OpenTelemetryMiddleware(tracer_provider, meter_provider))
            self._brokers.add(broker)

    def uninstrument_broker(self, broker: AsyncBroker) -> None:
        """Take the middleware from a broker; one that its program added stays."""
        if broker in self._brokers:
            self._brokers.discard(broker)
            broker.middlewares = [
                each for each in broker.middlewares if not isinstance(each, OpenTelemetryMiddleware)
            ]

    def _instrument(self, **kwargs: Any) -> None:
        original = AsyncBroker.__init__

        def init(broker: AsyncBroker, *args: Any, **options: Any) -> None:
            original(broker, *args, **options)
            self.instrument_broker(
                broker, kwargs.get("tracer_provider"), kwargs.get("meter_provider")
            )

        type(self)._original_init = original
        AsyncBroker.__init__ = init  # type: ignore[assignment, method-assign]

    def _uninstrument(self, **kwargs: Any) -> None:
        cls = type(self)
        if cls._original_init is not None:
            AsyncBroker.__init__ = cls._original_init  # type: ignore[method-assign]
            cls._original_init = None
        for broker in list(self._brokers):
            self.uninstrument_broker(broker)

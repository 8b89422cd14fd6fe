"""What a contract test is: what it proves, what it needs, and how one departs from it."""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, Final, TypeVar

import pytest

from taskiq_core.capabilities import Capability
from taskiq_testkit.watchdog import watchdog

BASICS: Final = "contract"
"""The row of the matrix for what every implementation must do."""

_Test = TypeVar("_Test", bound=Callable[..., Any])
_AsyncTest = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class ContractTest:
    """What is known of one contract test.

    Attributes:
        name: the method's.
        proves: the capability, or `BASICS`.
        needs: facts without which the test does not apply.
        says: what must hold, in a sentence.
    """

    name: str
    proves: str
    needs: tuple[str, ...]
    says: str


def proves(
    capability: Capability | None = None,
    *,
    beside: tuple[Capability, ...] = (),
    needs: tuple[str, ...] = (),
    unless: Capability | None = None,
) -> Callable[[_AsyncTest], _AsyncTest]:
    """Make a method a contract test.

    Where the capability is declared the test runs; where it is not, `refuse` of the class runs in
    its place, and checks that its use is refused.

    Args:
        capability: what the test proves; None for what everything must do.
        beside: further capabilities that the test uses.
        needs: names of facts, attributes or fixtures of the class, without which it is left out.
        unless: a capability with which something else must hold: `contrast` of the class checks it.
    """

    def decorate(function: _AsyncTest) -> _AsyncTest:
        @wraps(function)
        async def test(self: "Contract", **fixtures: Any) -> None:
            subject = fixtures["harness"]
            async with watchdog(self.time_limit):
                for each in (capability, *beside):
                    if each is not None and not subject.declares(each):
                        await self.refuse(each, subject)
                        return
                if unless is not None and subject.declares(unless):
                    await self.contrast(unless, subject)
                    return
                await function(self, **fixtures)

        test.__contract__ = ContractTest(  # type: ignore[attr-defined]  # a mark, as pytest's are
            function.__name__,
            BASICS if capability is None else capability.value,
            needs,
            (inspect.getdoc(function) or "").partition("\n")[0],
        )
        return test

    return decorate


def departs(reason: str) -> Callable[[_Test], _Test]:
    """Decorate a method that takes the place of a contract test, and say why it must.

    The test counts as not proven, and the matrix shows the reason.
    """
    if not reason.strip():
        raise ValueError("departs() needs a reason: why must this test be another one?")

    def decorate(function: _Test) -> _Test:
        function.__departs__ = reason  # type: ignore[attr-defined]  # a mark, as pytest's are
        return function

    return decorate


class Contract:
    """Base of the contract classes.

    Attributes:
        kind: what is tested: broker, result backend or schedule source.
        patience: seconds that a test waits for what must come.
        time_limit: seconds after which a test that hangs fails, with the stacks of all tasks.
    """

    pytestmark = pytest.mark.asyncio

    kind: ClassVar[str] = ""
    patience: float = 10.0
    time_limit: float = 50.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in vars(cls).keys() & _names(cls.__mro__[1:]):
            replacement = vars(cls)[name]
            if not hasattr(replacement, "__contract__") and reason_of(replacement) is None:
                setattr(cls, name, _unexplained(name, cls.__name__))

    async def refuse(self, capability: Capability, harness: Any) -> None:
        """Check that the use of a capability that is not declared is refused."""

    async def contrast(self, capability: Capability, harness: Any) -> None:
        """Check what holds with a capability in place of what holds without it."""


def tests_of(cls: type) -> dict[str, ContractTest]:
    """Return the contract tests of a class, by name, including the ones that it replaced."""
    found: dict[str, ContractTest] = {}
    for each in reversed(cls.__mro__):
        for name, value in vars(each).items():
            test = getattr(value, "__contract__", None)
            if isinstance(test, ContractTest):
                found[name] = test
    return found


def applies(cls: type, test: ContractTest) -> bool:
    """Whether a class states every fact that a test needs."""
    return all(is_stated(cls, fact) for fact in test.needs)


def is_stated(cls: type, fact: str) -> bool:
    """Whether a class states a fact: a fixture of its own, or a value that says yes."""
    value = inspect.getattr_static(cls, fact)
    if value is None or isinstance(value, bool | int | float):
        return bool(value)
    definitions = [each for each in cls.__mro__ if fact in vars(each)]
    return len(definitions) > 1


def reason_of(function: object) -> str | None:
    """Why a method takes the place of a contract test; None if that is not said."""
    reason = getattr(function, "__departs__", None)
    return reason if isinstance(reason, str) else None


def _names(classes: tuple[type, ...]) -> set[str]:
    return {name for each in classes for name in tests_of(each)}


def _unexplained(name: str, owner: str) -> _AsyncTest:
    async def test(self: object) -> None:
        del self
        pytest.fail(
            f"{owner} replaces the contract test {name} and does not say why. Remove it, or "
            'decorate it with @departs("the reason").',
            pytrace=False,
        )

    test.__name__ = name
    return test

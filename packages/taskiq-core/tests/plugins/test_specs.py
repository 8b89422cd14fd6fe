"""Descriptors check their own fields."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields
from typing import get_args

import pytest

from taskiq_core.plugins import (
    KINDS,
    BrokerSpec,
    Capability,
    CommandSpec,
    HealthCheckSpec,
    InstallCure,
    MiddlewareSpec,
    PluginRegistry,
    PluginSpecError,
    PreloadModule,
    Provides,
    ResultBackendSpec,
    ScheduleSourceSpec,
    SerializerSpec,
    Spec,
    WebPageSpec,
    WorkerServiceSpec,
    hooks,
)
from taskiq_core.plugins.specs import schemes_of, target_of

MAKERS: list[Callable[..., Spec]] = [
    lambda name, target: BrokerSpec(name, factory=target),
    lambda name, target: ResultBackendSpec(name, factory=target),
    lambda name, target: ScheduleSourceSpec(name, factory=target),
    lambda name, target: MiddlewareSpec(name, factory=target),
    lambda name, target: SerializerSpec(name, factory=target),
    lambda name, target: CommandSpec(name, target=target),
    lambda name, target: HealthCheckSpec(name, target=target),
    lambda name, target: WorkerServiceSpec(name, target=target),
    lambda name, target: WebPageSpec(name, title="A page", target=target),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", ["redis", "aio-pika", "a", "v2.stream", "my_backend"])
def test_good_names_and_targets(make: Callable[..., Spec], name: str) -> None:
    spec = make(name, "pkg.mod:Outer.Inner")

    assert (spec.name, target_of(spec)) == (name, "pkg.mod:Outer.Inner")
    assert copy.copy(spec) == pickle.loads(pickle.dumps(spec)) == spec
    assert hash(spec) == hash(copy.copy(spec))
    with pytest.raises(FrozenInstanceError):
        spec.name = "other"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", ["", "Redis", "2fast", "a b", "-a", "a-", "a--b", None, 5])
def test_bad_names(make: Callable[..., Spec], name: object) -> None:
    with pytest.raises(PluginSpecError, match=r"name .* must be lower-case letters and digits"):
        make(name, "pkg:Name")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("target", ["pkg", "pkg.Name", ":Name", "pkg:", "a b:C", "pkg:a:b", "1a:b"])
def test_bad_targets(make: Callable[..., Spec], target: str) -> None:
    with pytest.raises(PluginSpecError, match=r"must have the form 'package.module:Name'"):
        make("redis", target)


@pytest.mark.parametrize("make", MAKERS)
def test_a_class_as_target_would_have_been_imported(make: Callable[..., Spec]) -> None:
    with pytest.raises(PluginSpecError, match="so that listing imports nothing"):
        make("redis", object)


@pytest.mark.parametrize("spec", [BrokerSpec, ResultBackendSpec, ScheduleSourceSpec])
@pytest.mark.parametrize("scheme", ["redis://", "Redis", "", "1redis", "re dis", "re_dis", 1])
def test_bad_schemes(spec: type[BrokerSpec], scheme: str) -> None:
    with pytest.raises(PluginSpecError, match=r"schemes .* must be lower-case .*\(without '://'\)"):
        spec("redis", schemes=(scheme,), factory="pkg:Name")


@pytest.mark.parametrize("schemes", ["redis", 5, None])
def test_schemes_are_not_one_string(schemes: object) -> None:
    with pytest.raises(PluginSpecError, match=r"must be a tuple of strings"):
        BrokerSpec("redis", schemes=schemes, factory="pkg:Name")  # type: ignore[arg-type]


def test_schemes_and_capabilities_are_brought_into_form() -> None:
    spec = BrokerSpec(
        "zmq",
        schemes=["zmq+tcp", "zmq+ipc"],  # type: ignore[arg-type]  # what a user may write
        factory="pkg:Name",
        capabilities=["ack", Capability.BATCH],  # type: ignore[arg-type]  # the same
    )

    assert spec.schemes == schemes_of(spec) == ("zmq+tcp", "zmq+ipc")
    assert spec.capabilities == {Capability.ACK, Capability.BATCH}


@pytest.mark.parametrize("capabilities", [{"levitate"}, "ack", 1])
def test_bad_capabilities(capabilities: object) -> None:
    with pytest.raises(PluginSpecError, match=r"capabilities .* must be a set of Capability"):
        BrokerSpec("zmq", factory="a:b", capabilities=capabilities)  # type: ignore[arg-type]


def test_descriptions_are_text() -> None:
    with pytest.raises(PluginSpecError, match=r"help 5 must be a string"):
        CommandSpec("dash", target="a:b", help=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", ["redis", 5, ("redis", ""), (1,)])
def test_words_of_a_cure_are_strings(words: object) -> None:
    with pytest.raises(PluginSpecError, match=r"InstallCure\('acme'\): words .* tuple of strings"):
        InstallCure("acme", words=words, command="pip install acme")  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["", "a b", "a.b:c", ".a", "a.", 5, None])
def test_module_to_preload_has_a_full_name(module: str) -> None:
    with pytest.raises(PluginSpecError, match=r"module .* must be the full name of a module"):
        PreloadModule(module)


def test_spec_error_is_a_value_error_that_names_the_descriptor() -> None:
    with pytest.raises(ValueError, match=r"^BrokerSpec\('redis'\): factory 'x' must have the form"):
        BrokerSpec("redis", factory="x")


def test_kinds_hooks_and_fields_are_the_same_list() -> None:
    names = [kind.field for kind in KINDS]

    assert names == [field.name for field in fields(Provides)]
    assert names == [field.name for field in fields(PluginRegistry)][1:]
    others = ["taskiq_register_install_cures", "taskiq_register_preload_modules"]
    assert [*(kind.hook for kind in KINDS), *others] == [
        name for name in vars(hooks) if name.startswith("taskiq_register_")
    ]
    assert {kind.spec for kind in KINDS} == set(get_args(Spec))

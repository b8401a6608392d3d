"""Revisions: what makes a new one and what does not; how one revision's fields are laid over the Rollout's."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawl.api.serving import Autoscaling, EnvVar, Resources, ServeOverride, ServeSpec
from pawl.revision import merge_serve, revision_of

DIGEST = "sha256:" + "ab" * 32
SERVE = ServeSpec(image="facts:1", env=(EnvVar(name="A", value="1"), EnvVar(name="B", value="2")))


def test_it_is_the_digest_of_artifact_and_template() -> None:
    canonical = '{"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"image":"facts:1"}'
    expected = hashlib.sha256(f"{DIGEST}\n{canonical}".encode()).hexdigest()[:10]
    assert revision_of(DIGEST, SERVE) == expected


def test_a_default_that_is_spelled_out_changes_nothing() -> None:
    spelled = ServeSpec.model_validate(SERVE.to_wire() | {"port": 8080, "probe": "oip", "drain": "5s"})
    assert revision_of(DIGEST, spelled) == revision_of(DIGEST, SERVE)


@pytest.mark.parametrize("change", [{"replicas": 7}, {"autoscaling": Autoscaling(max_replicas=9)}])
def test_scaling_is_no_release(change: dict[str, object]) -> None:
    assert revision_of(DIGEST, SERVE.model_copy(update=change)) == revision_of(DIGEST, SERVE)


@pytest.mark.parametrize(
    "change",
    [
        {"image": "facts:2"},
        {"args": ("--threshold=0.5",)},
        {"env": (EnvVar(name="A", value="2"),)},
        {"resources": Resources(limits={"memory": "1Gi"})},
        {"overlay": {"spec": {"priorityClassName": "high"}}},
        {"drain": "10s"},
    ],
)
def test_what_the_pod_is_made_of_is_a_release(change: dict[str, object]) -> None:
    assert revision_of(DIGEST, SERVE.model_copy(update=change)) != revision_of(DIGEST, SERVE)


def test_the_artifact_counts() -> None:
    assert revision_of("", SERVE) != revision_of(DIGEST, SERVE)


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
def test_order_of_keys_does_not_count(overlay: dict[str, object]) -> None:
    turned = dict(reversed(overlay.items()))
    one, other = (SERVE.model_copy(update={"overlay": value}) for value in (overlay, turned))
    assert revision_of(DIGEST, one) == revision_of(DIGEST, other)


def test_nothing_to_lay_over() -> None:
    assert merge_serve(SERVE, None) == SERVE
    assert merge_serve(SERVE, ServeOverride()) == SERVE


def test_env_is_merged_by_name_in_place() -> None:
    override = ServeOverride(env=(EnvVar(name="C", value="3"), EnvVar(name="A", value="9")))
    merged = merge_serve(SERVE, override)
    assert [(item.name, item.value) for item in merged.env] == [("A", "9"), ("B", "2"), ("C", "3")]


def test_image_command_args_resources_are_replaced() -> None:
    override = ServeOverride(image="facts:2", command=("serve",), args=(), resources=Resources(requests={"cpu": 1}))
    merged = merge_serve(SERVE.model_copy(update={"args": ("old",)}), override)
    assert (merged.image, merged.command, merged.args, merged.resources.requests) == (
        "facts:2",
        ("serve",),
        (),
        {"cpu": 1},
    )


def test_overlay_is_merged_key_by_key_and_lists_are_replaced() -> None:
    base = SERVE.model_copy(update={"overlay": {"a": {"x": 1, "y": [1, 2]}, "b": 1}})
    merged = merge_serve(base, ServeOverride(overlay={"a": {"y": [3]}, "c": {}}))
    assert merged.overlay == {"a": {"x": 1, "y": [3]}, "b": 1, "c": {}}
    assert base.overlay == {"a": {"x": 1, "y": [1, 2]}, "b": 1}

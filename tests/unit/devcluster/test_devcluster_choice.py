"""Which provider, which settings, which add-ons: everything that is chosen before anything runs."""

import json
from pathlib import Path

import pytest

from pawl_devcluster.addons.prometheus import config
from pawl_devcluster.addons.registry import ADDONS, chosen
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.kind import gpu_patch, kind_config
from pawl_devcluster.kubectl import packaged
from pawl_devcluster.provider import choose
from pawl_devcluster.settings import Size, from_environment


@pytest.mark.parametrize(
    ("kubeconfig", "docker", "provider"),
    [("/k", True, "existing"), ("/k", False, "existing"), ("", True, "kind"), ("", False, "native")],
)
def test_provider_order(kubeconfig: str, docker: bool, provider: str) -> None:
    settings = from_environment({"PAWL_KUBECONFIG": kubeconfig, "HOME": "/h"})
    assert choose(settings, docker_answers=docker) == provider


def test_folders_follow_the_environment() -> None:
    settings = from_environment({"PAWL_CACHE": "/c", "PAWL_DEVCLUSTER_STATE": "/s", "PAWL_DEVCLUSTER_NAME": "t1"})
    assert (settings.cache, settings.state) == (Path("/c"), Path("/s/t1"))
    assert from_environment({"XDG_CACHE_HOME": "/x"}).cache == Path("/x/pawl")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAWL_DEVCLUSTER_NAME", "Upper"),
        ("PAWL_DEVCLUSTER_NAME", "a-b"),
        ("PAWL_DEVCLUSTER_NAME", "elevenchars"),
        ("PAWL_DEVCLUSTER_SCRAPE_INTERVAL", "soon"),
        ("PAWL_DEVCLUSTER_SCRAPE_INTERVAL", "0s"),
    ],
)
def test_wrong_settings_are_named_with_their_value(name: str, value: str) -> None:
    with pytest.raises(DevclusterError, match=f"{name} is '{value}'"):
        from_environment({name: value})


def test_sizes_cover_the_smaller_ones() -> None:
    assert Size.GPU.covers(Size.API)
    assert Size.NODE.covers(Size.NODE)
    assert not Size.API.covers(Size.NODE)


def test_addons_are_taken_once_in_the_order_given() -> None:
    assert [a.name for a in chosen(["prometheus", "gateway", "prometheus"], Size.NODE)] == ["prometheus", "gateway"]


def test_unknown_and_unfitting_addons_are_refused_with_a_remedy() -> None:
    with pytest.raises(DevclusterError, match="there are: gateway"):
        chosen(["istio"], Size.NODE)
    with pytest.raises(DevclusterError, match="--size node"):
        chosen(["gateway"], Size.API)
    assert ADDONS["kwok"] in chosen(["kwok"], Size.API)


def test_prometheus_finds_pods_by_annotation_at_the_interval_asked_for() -> None:
    found = config("500ms")
    assert found["global"]["scrape_interval"] == "500ms"
    (job,) = found["scrape_configs"]
    assert job["relabel_configs"][0] == {
        "source_labels": ["__meta_kubernetes_pod_annotation_prometheus_io_scrape"],
        "action": "keep",
        "regex": "true",
    }


def test_kind_gets_a_second_tainted_node_only_for_the_gpu_size() -> None:
    assert len(kind_config(Size.NODE)["nodes"]) == 1
    worker = kind_config(Size.GPU)["nodes"][1]
    assert worker["labels"]["nvidia.com/gpu.present"] == "true"
    assert "NoSchedule" in worker["kubeadmConfigPatches"][0]


def test_the_pretended_gpu_is_in_capacity_and_allocatable() -> None:
    patch = json.loads(gpu_patch()[-1].removeprefix("--patch="))
    assert {entry["path"] for entry in patch} == {
        "/status/capacity/nvidia.com~1gpu",
        "/status/allocatable/nvidia.com~1gpu",
    }


def test_every_placeholder_of_a_manifest_must_get_a_value() -> None:
    assert "path: /v" in packaged("volume.yaml", name="n", path="/v")
    with pytest.raises(KeyError):
        packaged("volume.yaml", name="n")

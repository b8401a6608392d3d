"""What survives an interruption: the cache, the state file, the search for a node's process 1, the groups."""

import threading
from pathlib import Path

import pytest

from pawl_devcluster.cache import GIB, Cache, check_space
from pawl_devcluster.cgroups import Cgroups
from pawl_devcluster.crds import annotated
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.gobuild import PROGRAMS
from pawl_devcluster.host import remove_tree
from pawl_devcluster.images_transfer import image_bytes
from pawl_devcluster.node import find_init
from pawl_devcluster.settings import Settings, Size, from_environment
from pawl_devcluster.state import StateStore


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path, lambda _: None)


def settings(tmp_path: Path, name: str) -> Settings:
    folders = {"PAWL_CACHE": str(tmp_path / "cache"), "PAWL_DEVCLUSTER_STATE": str(tmp_path / "state")}
    return from_environment({**folders, "PAWL_DEVCLUSTER_NAME": name})


def test_a_failed_build_leaves_no_file_and_the_next_one_starts_afresh(cache: Cache) -> None:
    target = cache.binary("tool")

    def fails(out: Path) -> None:
        out.write_text("half")
        raise DevclusterError("no")

    with pytest.raises(DevclusterError):
        cache.ensure(target, "tool", fails)
    assert not target.exists()
    cache.ensure(target, "tool", lambda out: out.touch())
    assert target.read_text() == ""


def test_two_that_ask_at_once_build_once(cache: Cache) -> None:
    started = threading.Barrier(2)
    built: list[int] = []

    def make(out: Path) -> None:
        built.append(1)
        out.write_text("x")

    def ask() -> None:
        started.wait(timeout=10)
        cache.ensure(cache.binary("tool"), "tool", make)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert built == [1]


def test_too_little_space_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match=r"Building needs 1048576.0 GiB free under .*PAWL_CACHE"):
        check_space(tmp_path / "not" / "there", GIB * 1024**2, "Building")


def test_clusters_get_address_blocks_of_their_own_and_give_them_back(tmp_path: Path) -> None:
    stores = {name: StateStore(settings(tmp_path, name)) for name in ("a", "b", "c")}
    assert [stores[name].create("native", Size.API).index for name in ("a", "b")] == [0, 1]
    remove_tree(settings(tmp_path, "a").state)
    assert stores["a"].load() is None
    assert stores["c"].create("native", Size.API).index == 0


def test_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = StateStore(settings(tmp_path, "a"))
    store.create("native", Size.NODE)
    assert store.update(addons=("gateway",)) == store.load()


def write_status(proc: Path, pid: int, chain: str) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "status").write_text(f"Name:\tx\nNSpid:\t{chain}\n")


def test_process_one_of_the_node_is_found_among_its_neighbours(tmp_path: Path) -> None:
    write_status(tmp_path, 10, "10")  # the parent that waits outside
    write_status(tmp_path, 11, "11\t1")  # the node's process 1
    write_status(tmp_path, 12, "12\t7")  # one of its services
    write_status(tmp_path, 13, "13\t9\t1")  # process 1 of a pod on the node's network
    assert find_init([13, 12, 11, 10, 99], tmp_path) == 11
    assert find_init([10], tmp_path) is None


def test_groups_of_version_one_get_processors_from_their_parent(tmp_path: Path) -> None:
    for controller in ("cpu", "memory", "pids", "cpuset"):
        (tmp_path / controller).mkdir()
    groups = Cgroups("t", tmp_path)
    groups.check()
    groups.make("n1")
    assert (tmp_path / "memory/pawl/t/n1").is_dir()
    groups.drop()
    assert not (tmp_path / "memory/pawl").exists()


def test_groups_of_version_two_pass_the_controllers_on(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "pawl", tmp_path / "pawl/t"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpu memory pids")
    groups = Cgroups("t", tmp_path)
    groups.check()
    groups.make("n1")
    assert (tmp_path / "pawl/t/cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_a_machine_without_controllers_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    with pytest.raises(DevclusterError, match="lacks the cgroup controllers memory, pids"):
        Cgroups("t", tmp_path).check()


def test_programs_keep_their_names_in_the_cache() -> None:
    assert PROGRAMS["kube-apiserver"].file == "kube-apiserver-v1.34.4"
    assert PROGRAMS["envoy-gateway"].file == "envoy-gateway-v1.9.1"


def test_annotations_go_into_the_first_place_only() -> None:
    text = "metadata:\n  annotations:\n    a: b\nspec:\n  annotations:\n    c: d\n"
    assert annotated(text, ["x: y"]).count("x: y") == 1
    assert annotated(text, ["x: y"]).index("x: y") < text.index("spec")


@pytest.mark.parametrize(("text", "size"), [("1.5 GB", 1_500_000_000), ("209 MB", 209_000_000), ("12 B", 12)])
def test_sizes_as_buildah_prints_them(text: str, size: int) -> None:
    assert image_bytes(text) == size

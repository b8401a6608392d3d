"""However the demo ends, its cluster is taken down; where it cannot run, it says so before anything is built."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pawl_examples import bringup, demo
from pawl_examples.follow import Follower, Stream
from pawl_examples.history import Transition
from pawl_examples.kube import KubeError


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a demo that shows nothing did to its cluster."""
    deeds: list[str] = []
    monkeypatch.setattr(bringup, "check", lambda: None)
    monkeypatch.setattr(demo.Demo, "run", lambda _: deeds.append("run"))
    monkeypatch.setattr(demo.Demo, "finish", lambda _: deeds.append("finish"))
    monkeypatch.setattr(demo, "down", lambda: deeds.append("down"))
    return deeds


@pytest.mark.parametrize("failure", [BrokenPipeError(), SystemExit(1), KeyboardInterrupt()])
def test_a_reader_who_has_left_leaves_no_cluster_behind(
    done: list[str], monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def finish(_: demo.Demo) -> None:
        raise failure

    monkeypatch.setattr(demo.Demo, "finish", finish)
    with pytest.raises(type(failure)):
        demo.main([])
    assert done == ["run", "down"]


def test_it_stays_only_where_it_was_asked_to(done: list[str]) -> None:
    demo.main(["--keep"])
    assert done == ["run", "finish"]


def test_an_existing_cluster_is_refused_at_once_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("run", "finish"):
        monkeypatch.setattr(demo.Demo, name, lambda _: pytest.fail("the demo began"))
    monkeypatch.setattr(demo, "down", lambda: pytest.fail("a cluster that is not the demo's"))
    monkeypatch.setenv("PAWL_KUBECONFIG", str(tmp_path / "theirs"))
    assert demo.main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "unset it" in line


class Once:
    """A watch that tells one state, and then nothing for as long as somebody listens."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield {"kind": "Rollout", "status": {"phase": "Pending"}}

    def close(self) -> None:
        pass


class Cluster:
    def watch(self, *what: str) -> Once:
        return Once()


def test_nobody_waits_for_a_follower_that_has_ended() -> None:
    def tell(_: Transition) -> None:
        raise SystemExit(1)  # as rich does when nobody reads what it prints

    follower = Follower(Cluster(), "demo", "x", tell)
    follower.start()
    with pytest.raises(KubeError, match="rollout/x: the follower has ended"):
        follower.until(lambda history: history.phase == "Healthy", 30)


class OddRoute:
    """A watch of a route that nobody can read, beside a Rollout that says nothing."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield {"kind": self._kind}

    def close(self) -> None:
        pass


class OddCluster:
    def watch(self, *what: str) -> OddRoute:
        return OddRoute("HTTPRoute" if what[0].startswith("httproutes") else "Status")


def test_weights_that_nobody_can_read_end_the_wait_too() -> None:
    follower = Follower(OddCluster(), "demo", "x", lambda _: None)
    follower.start()
    try:
        said = r"httproute/x: the follower has ended \(KeyError\('spec'\)\); run the demo again"
        with pytest.raises(KubeError, match=said):
            follower.until(lambda history: history.phase == "Healthy", 30)
    finally:
        follower.stop()


class LateCluster:
    """Opens its watch only after the follower was stopped, and then tells states until that is closed."""

    def __init__(self) -> None:
        self.asked, self.stopped, self.closed = (threading.Event() for _ in range(3))

    def watch(self, *what: str) -> "LateCluster":
        self.asked.set()
        assert self.stopped.wait(30)
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while not self.closed.is_set():
            yield {}

    def close(self) -> None:
        self.closed.set()


def test_a_watch_that_opens_after_the_stop_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawl_examples.follow.PATIENCE", 0.01)
    cluster = LateCluster()
    stream = Stream(cluster, ("rollouts.pawl.dev", "x"), "Rollout", lambda _: None)
    stream.start()
    assert cluster.asked.wait(30)
    stream.stop()
    cluster.stopped.set()
    try:
        assert cluster.closed.wait(5)
    finally:
        cluster.close()

"""One leader at a time, by a Lease; whoever cannot renew stops by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fake_kube import FakeKube

from pawl.leases import LeaseTimes
from pawl_services.kube.settings import ApiServerSettings
from pawl_services.monitor.kube import ConflictError, KubeApi, KubeError
from pawl_services.monitor.leader import Leader

TIMES = LeaseTimes(15.0, 10.0, 2.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def api_of(kube: FakeKube, tmp_path: Path) -> AsyncIterator[KubeApi]:
    token = tmp_path / "token"
    if not token.exists():
        token.write_text("secret\n")
    api = KubeApi(ApiServerSettings("http://kube", token, None), kube.transport())
    try:
        yield api
    finally:
        await api.close()


async def test_second_waits_until_the_first_is_silent_for_a_whole_duration(tmp_path: Path) -> None:
    kube, clock = FakeKube(), Clock()
    async with api_of(kube, tmp_path) as api:
        one, two = (Leader(api, "pawl", "pawl-monitor", name, TIMES, clock) for name in ("one", "two"))
        await one.look()
        await two.look()
        assert (one.leading(), two.leading()) == (True, False)
        for _ in range(30):
            clock.now += 2
            await one.look()
            await two.look()
            assert (one.leading(), two.leading()) == (True, False)
        overlap = []
        for _ in range(20):
            clock.now += 1
            await two.look()
            overlap.append((one.leading(), two.leading()))
        assert (True, True) not in overlap
        assert overlap[-1] == (False, True)
        # The first had already stopped for a while when the second took over.
        assert (False, False) in overlap
        await one.look()
        assert not one.leading()
        assert (one.term, two.term) == (1, 1)


async def test_leader_without_api_server_stops_before_anybody_may_take_over(tmp_path: Path) -> None:
    kube, clock = FakeKube(), Clock()
    async with api_of(kube, tmp_path) as api:
        leader = Leader(api, "pawl", "pawl-monitor", "one", TIMES, clock)
        await leader.look()
        kube.down = True
        clock.now = 9.9
        await leader.look()
        assert leader.leading()
        clock.now = 10.0
        assert not leader.leading()
        assert leader.unheard() is None
        clock.now = 16.0
        await leader.look()
        assert "not read for 16 s" in str(leader.unheard())
        kube.down = False
        await leader.look()
        assert leader.leading()
        assert leader.term == 2


async def test_lease_is_given_back_at_the_end(tmp_path: Path) -> None:
    kube, clock = FakeKube(), Clock()
    async with api_of(kube, tmp_path) as api:
        first = Leader(api, "pawl", "pawl-monitor", "one", LeaseTimes(1.5, 1.0, 0.02), clock)
        stop = asyncio.Event()
        looks = 0

        def beat() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                stop.set()

        await asyncio.wait_for(first.run(stop, beat), 10)
        assert not first.leading()
        second = Leader(api, "pawl", "pawl-monitor", "two", TIMES, clock)
        await second.look()
        assert second.leading()


async def test_lease_taken_by_another_is_lost(tmp_path: Path) -> None:
    kube, clock = FakeKube(), Clock()
    async with api_of(kube, tmp_path) as api:
        leader = Leader(api, "pawl", "pawl-monitor", "one", TIMES, clock)
        await leader.look()
        kube.leases["pawl-monitor"]["spec"]["holderIdentity"] = "two"
        await leader.look()
        assert not leader.leading()


async def test_lists_follow_pages_and_tokens_are_read_again(tmp_path: Path) -> None:
    items = [{"metadata": {"name": str(number), "namespace": "ab"[number % 2]}} for number in range(7)]
    kube = FakeKube({"rollouts": items}, page=2)
    async with api_of(kube, tmp_path) as api:
        assert await api.list_all("rollouts", ()) == items
        assert len(await api.list_all("rollouts", ("a", "c"))) == 4
        (tmp_path / "token").write_text("renewed")
        await api.list_all("components", ())
    assert kube.tokens[0] == "Bearer secret"
    assert kube.tokens[-1] == "Bearer renewed"


async def test_errors_name_the_call_and_not_the_token(tmp_path: Path) -> None:
    kube = FakeKube(down=True)
    async with api_of(kube, tmp_path) as api:
        with pytest.raises(KubeError, match=r"GET /apis/pawl.dev/v1alpha1/rollouts: 503 down") as caught:
            await api.list_all("rollouts", ())
        assert "secret" not in str(caught.value)
        (tmp_path / "token").unlink()
        with pytest.raises(KubeError, match="FileNotFoundError"):
            await api.list_all("rollouts", ())
        (tmp_path / "token").write_text("x")
        kube.down = False
        lease = {"metadata": {"name": "l", "namespace": "pawl"}}
        await api.put_lease(lease)
        with pytest.raises(ConflictError):
            await api.put_lease(lease)

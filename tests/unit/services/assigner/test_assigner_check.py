"""A check in memory: always 200, nobody named, and a header only for a user in a range."""

from typing import Any

import pytest
from assigner_objects import assigning, assignment
from prometheus_client import CollectorRegistry, generate_latest

from pawl.assignment import fine_bucket
from pawl_services.assigner.check import Checks, assign, user_of
from pawl_services.assigner.metrics import AssignerMetrics, Outcome
from pawl_services.assigner.table import Table
from pawl_services.web.health import Health

USER = [(b"host", b"x"), (b"x-user-id", b"user-1")]


class Stage:
    def __init__(self, *rollouts: dict[str, Any]) -> None:
        self.registry, self.health, self.passed = CollectorRegistry(), Health(), 0
        metrics = AssignerMetrics(self.registry)
        self.table = Table(metrics)
        self.table.replace("", rollouts)
        self.app = Checks(self._behind, self.table, metrics, self.health)

    async def ask(self, path: str, headers: list[tuple[bytes, bytes]], kind: str = "http") -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            raise AssertionError("the body of a check is never read")

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app({"type": kind, "path": path, "method": "POST", "headers": headers}, receive, send)
        return sent

    async def _behind(self, *_: Any) -> None:
        self.passed += 1

    def checks(self, outcome: Outcome) -> float:
        return self.registry.get_sample_value("pawl_assigner_checks_total", {"outcome": outcome.value}) or 0.0


@pytest.mark.parametrize(
    ("path", "headers", "outcome"),
    [
        ("/check/demo/chat/ask", USER, Outcome.ASSIGNED),
        ("/check/demo/chat", USER, Outcome.ASSIGNED),
        ("/check/demo/chat/", USER, Outcome.ASSIGNED),
        ("/check/demo/chat//../shop/other", USER, Outcome.ASSIGNED),
        ("/check/demo/idle/ask", USER, Outcome.NO_EXPERIMENT),
        ("/check/demo/broken/ask", USER, Outcome.NO_EXPERIMENT),
        ("/check/demo/none/ask", USER, Outcome.UNKNOWN_ROLLOUT),
        ("/check/shop/chat/ask", USER, Outcome.UNKNOWN_ROLLOUT),
        ("/check/demo", USER, Outcome.UNKNOWN_ROLLOUT),
        ("/check/", USER, Outcome.UNKNOWN_ROLLOUT),
        ("/check//chat/demo/chat", USER, Outcome.UNKNOWN_ROLLOUT),
        ("/check/demo/chat/ask", [], Outcome.NO_USER),
        ("/check/demo/chat/ask", [(b"x-user-id", b"")], Outcome.NO_USER),
        ("/check/demo/chat/ask", [(b"x-user-id", b" \t")], Outcome.NO_USER),
        ("/check/demo/chat/ask", [(b"x-user-id", b"\xff")], Outcome.NO_USER),
        ("/check/demo/chat/ask", [*USER, (b"x-user-id", b"user-2")], Outcome.NO_USER),
        ("/check/demo/narrow/ask", USER, Outcome.OUTSIDE),
    ],
)
async def test_every_check_is_answered_200_and_counted(
    path: str, headers: list[tuple[bytes, bytes]], outcome: Outcome
) -> None:
    narrow = assignment(ranges=[assignment()["ranges"][0] | {"end": 0}])
    stage = Stage(
        assigning(assigned=assignment()),
        assigning(name="idle"),
        assigning(name="broken", assigned=assignment(key="a:b")),
        assigning(name="narrow", assigned=narrow),
    )
    start, body = await stage.ask(path, headers)
    assert (start["status"], body.get("body"), body.get("more_body", False)) == (200, b"", False)
    sent = dict(start["headers"])
    assert sent[b"content-length"] == b"0"
    assert (b"x-pawl-variant" in sent) == (outcome is Outcome.ASSIGNED)
    assert {one: stage.checks(one) for one in Outcome if stage.checks(one)} == {outcome: 1}
    assert stage.passed == 0


async def test_other_paths_are_passed_on() -> None:
    stage = Stage()
    for path in ("/livez", "/checks/a", "/v1/assignments", "/check"):
        assert await stage.ask(path, []) == []
    assert await stage.ask("/check/demo/chat", [], kind="lifespan") == []
    assert stage.passed == 5


async def test_while_draining_an_answer_closes_its_connection() -> None:
    stage = Stage(assigning(assigned=assignment()))
    stage.health.drain()
    start, _ = await stage.ask("/check/demo/chat", USER)
    assert start["status"] == 200
    assert dict(start["headers"]).keys() == {b"content-length", b"x-pawl-variant", b"connection"}


@pytest.mark.parametrize("user", ["user-1", "ü", "ünï cödé ✓", "a:b", "日本"])
def test_the_hash_is_over_the_user_as_sent(user: str) -> None:
    stage = Stage(assigning(assigned=assignment()))
    outcome, header = assign(stage.table, "/check/demo/chat/x", [(b"x-user-id", user.encode())])
    wanted = b"treatment" if fine_bucket(user, assignment()["key"]) < 5000 else b"control"
    assert (outcome, header) == (Outcome.ASSIGNED, b"0a1b2c3d-" + wanted)


def test_white_space_around_a_user_is_not_the_users() -> None:
    assert user_of([(b"x-user-id", b" a b \t")], b"x-user-id") == "a b"


def test_no_user_is_in_the_metrics() -> None:
    stage = Stage(assigning(assigned=assignment()))
    assign(stage.table, "/check/demo/chat/x", [(b"x-user-id", b"somebody-known")])
    assert "somebody-known" not in generate_latest(stage.registry).decode()

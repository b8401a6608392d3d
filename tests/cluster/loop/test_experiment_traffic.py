"""An Experiment's users get the arm that `pawl.assignment` gives them; nobody else chooses, and no request fails.

In order: everybody once, forged headers with the assigner up and away, then the owner and the Experiment are deleted
while people speak.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from steady_load import SteadyLoad, ask, client_of
from watched_experiment import NAMESPACE, Watched, phase_of, published

from pawl_examples import install
from pawl_examples.bringup import Stand
from pawl_examples.ledger import CANDIDATE, STABLE, Row
from pawl_examples.loop.arms import Arms, arms_of, computed
from pawl_examples.loop.setting import HOST, LOOP
from pawl_examples.loop.turn import MOST_UNASSIGNED

USERS = [f"person-{number}" for number in range(1000)]
PROXY_SECONDS = 1.0
"""The gateway's status may be a moment ahead of its proxy."""
ASSIGNER = ("deployment/pawl-assigner", "-n", install.SYSTEM)
Figure = Callable[[str], None]


def arms(rows: Iterable[Row], watched: Watched) -> Arms:
    return arms_of(rows, watched.assignment, 0, time.time())


def strays(rows: Iterable[Row], watched: Watched) -> list[Row]:
    """Who was answered by the treatment without belonging there."""
    return [row for row in rows if row.arm == CANDIDATE and computed(row.user, watched.assignment) != CANDIDATE]


def forged(watched: Watched) -> dict[str, str]:
    """The header by which the route knows the treatment's users."""
    return {"x-pawl-variant": watched.assignment["ranges"][0]["header"]}


@contextmanager
def without_assigner(stand: Stand) -> Iterator[None]:
    """No assigner runs within the block; one is ready behind it."""
    stand.kube.run("scale", *ASSIGNER, "--replicas=0")
    try:
        install.wait_for("the assigner's end", lambda: not assigners(stand), 60)
        yield
    finally:
        stand.kube.run("scale", *ASSIGNER, "--replicas=1")
        stand.kube.run("rollout", "status", *ASSIGNER, "--timeout=120s", seconds=130)


def assigners(stand: Stand) -> list[object]:
    found: list[object] = stand.kube.get(
        "pods", "-n", install.SYSTEM, "-l", "app.kubernetes.io/component=assigner"
    )["items"]  # fmt: skip
    return found


def test_every_user_is_answered_by_the_computed_arm(stand: Stand, watched: Watched, figure: Figure) -> None:
    with client_of(stand.gateway, HOST) as client, ThreadPoolExecutor(4, "asking") as pool:
        rows = list(pool.map(lambda user: ask(client, user), USERS))
    found = arms(rows, watched)
    figure(f"arms of {len(USERS)} users: {found}")
    assert Counter(row.status for row in rows) == {200: len(USERS)}
    assert found.wrong == 0
    assert found.unassigned <= MOST_UNASSIGNED * len(USERS)
    assert min(found.treatment_people, found.control_people) >= 0.4 * len(USERS)


def test_a_forged_header_chooses_nothing_while_the_assigner_answers(
    stand: Stand, watched: Watched, figure: Figure
) -> None:
    with client_of(stand.gateway, HOST) as client:
        rows = [ask(client, user, forged(watched)) for user in USERS[:400]]
    found = arms(rows, watched)
    figure(f"forged x-pawl-variant, assigner up: {found}")
    assert found.lost == 0
    assert strays(rows, watched) == []
    assert found.control_people >= 100


def test_a_forged_header_chooses_nothing_while_no_assigner_is_there(
    stand: Stand, watched: Watched, figure: Figure
) -> None:
    with SteadyLoad(stand.gateway, HOST, USERS, forged(watched)) as load:
        load.answered(100)
        with without_assigner(stand):
            alone = load.answered(300)
        load.answered(100)
    rows = load.rows()
    figure(f"forged x-pawl-variant, assigner gone and back: {arms(rows, watched)}, {len(alone)} without any assigner")
    assert {row.status for row in rows} == {200}
    assert strays(rows, watched) == []
    assert {row.arm for row in alone} == {STABLE}


def test_the_arms_are_there_again_with_the_assigner(stand: Stand, watched: Watched) -> None:
    def assigned() -> bool:
        with client_of(stand.gateway, HOST) as client:
            rows = [ask(client, user) for user in USERS[:50]]
        found = arms(rows, watched)
        assert (found.wrong, found.lost) == (0, 0)
        return found.unassigned == 0

    install.wait_for("an arm for everybody", assigned, 60)
    assert phase_of(stand, watched.name) == "Running"


def test_what_the_loop_made_is_owned_by_it(stand: Stand) -> None:
    learn = ("-n", NAMESPACE)
    loop = stand.kube.get("learningloops.pawl.dev", LOOP, *learn)["metadata"]["uid"]
    made = [stand.kube.get(f"{kind}.pawl.dev", f"{LOOP}-1", *learn) for kind in ("trainingruns", "experiments")]
    assert [[owner["uid"] for owner in one["metadata"]["ownerReferences"]] for one in made] == [[loop], [loop]]
    # What serves production belongs to nobody who may be deleted with a loop or an Experiment.
    rollout = stand.kube.get("rollouts.pawl.dev", install.ROLLOUT, *learn)
    assert not rollout["metadata"].get("ownerReferences")
    served = stand.kube.get("deployment", rollout["status"]["stable"]["service"], *learn)
    kinds = {owner["kind"] for owner in served["metadata"].get("ownerReferences") or []}
    assert not kinds & {"LearningLoop", "Experiment"}


def test_deleting_the_loop_leaves_traffic_untouched(stand: Stand, watched: Watched, figure: Figure) -> None:
    before = stand.kube.get("rollouts.pawl.dev", install.ROLLOUT, "-n", NAMESPACE)
    assert owned(stand)
    with SteadyLoad(stand.gateway, HOST, USERS) as load:
        stand.kube.run("-n", NAMESPACE, "delete", "learningloops.pawl.dev", LOOP, "--timeout=60s", seconds=70)
        install.wait_for("the end of what the loop owned", lambda: not owned(stand), 60)
        load.answered(150)
    rows = load.rows()
    figure(f"LearningLoop deleted under load: {arms(rows, watched)}")
    assert {row.status for row in rows} == {200}
    assert strays(rows, watched) == []
    after = stand.kube.get("rollouts.pawl.dev", install.ROLLOUT, "-n", NAMESPACE)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["stable"] == before["status"]["stable"]
    assert published(stand) == watched.assignment


def owned(stand: Stand) -> list[str]:
    """Names of the TrainingRuns and Experiments that the loop made."""
    found = stand.kube.get("trainingruns.pawl.dev,experiments.pawl.dev", "-n", NAMESPACE)["items"]
    return [one["metadata"]["name"] for one in found if one["metadata"].get("ownerReferences")]


def test_deleting_the_experiment_leaves_traffic_untouched(stand: Stand, watched: Watched, figure: Figure) -> None:
    with SteadyLoad(stand.gateway, HOST, USERS) as load:
        load.answered(100)
        began = time.monotonic()
        stand.kube.run(
            "-n", NAMESPACE, "delete", "experiments.pawl.dev", watched.name, "--timeout=120s", seconds=130
        )  # fmt: skip
        install.wait_for("a route without the Experiment's rules", lambda: rules(stand) == 1, 60)
        seconds = time.monotonic() - began
        late = load.answered(150, since=time.time() + PROXY_SECONDS)
    rows = load.rows()
    figure(f"Experiment deleted under load: {len(rows)} requests, rules gone after {seconds:.0f} s")
    assert {row.status for row in rows} == {200}
    assert strays(rows, watched) == []
    assert {row.arm for row in late} == {STABLE}


def rules(stand: Stand) -> int:
    return len(stand.kube.get("httproute", install.ROLLOUT, "-n", NAMESPACE)["spec"]["rules"])

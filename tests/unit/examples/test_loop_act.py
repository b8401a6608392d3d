"""The second act's own parts: who speaks, which arm is right, how days become seconds, and what counts as wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from pawl.api.experiment import Experiment
from pawl.api.learning_loop import LearningLoop
from pawl.api.rollout import Rollout
from pawl.assignment import fine_bucket
from pawl.scoring.types import Score
from pawl_examples.dataset import Material, load_material
from pawl_examples.history import ReleaseRecord
from pawl_examples.kube import KubeError, read_manifest
from pawl_examples.ledger import Row
from pawl_examples.loop.arms import arms_of, computed
from pawl_examples.loop.golden import Look, ask, by_person, golden_messages
from pawl_examples.loop.objects import Objects, describe
from pawl_examples.loop.parity import Parity
from pawl_examples.loop.registry import fetch
from pawl_examples.loop.setting import MANIFESTS, Expected, LoopTimes, compress_loop, compress_rollout, control
from pawl_examples.loop.talk import corrections, lessons, lessons_for, people, proof
from pawl_examples.loop.turn import ControlResult, LoopResult, TurnResult, wrong
from pawl_examples.loop.turn_tables import golden_table, turns_table
from pawl_examples.replay import replay

KEY = "fact-extraction.4dbdf7f144"
ASSIGNMENT = {
    "uid": "experiment",
    "key": KEY,
    "ranges": [{"variant": "treatment", "start": 0, "end": 5000}, {"variant": "control", "start": 5000, "end": 10000}],
}


@pytest.fixture(scope="module")
def material() -> Material:
    return load_material()


def test_lessons_are_in_order_of_time_hold_learn_people_alone_and_share_no_message(material: Material) -> None:
    first, second = lessons(material, [0.6, 0.4], 30.0)
    one, other = ({m.message for m in part.material.learn} for part in (first, second))
    assert not one & other
    assert len(one | other) == len(material.learn)
    assert max(m.message.time for m in first.material.learn) <= min(m.message.time for m in second.material.learn)
    assert not {m.person for m in (*first.material.learn, *second.material.learn)} & material.provers
    assert first.pace.seconds == pytest.approx(first.annotated / 30.0)


def test_in_a_proof_every_prove_person_speaks_and_no_message_is_said_twice(material: Material) -> None:
    part = proof(material, 50.0, 4.0)
    said = [one for one in replay(part.material, part.pace) if one.at < part.pace.seconds]
    annotated = [one.message for one in said if one.facts is not None]
    assert len(annotated) == len(set(annotated)) == len(material.prove)
    assert {message.sender for message in annotated} == material.provers
    assert all(one.evidence for one in said if one.facts is not None)
    assert people(part) == len(material.provers)


def test_corrections_are_what_people_say_to_an_answer_that_is_not_exactly_right(material: Material) -> None:
    part = lessons(material, [1.0], 30.0)[0]
    truth = {one.text: one.facts for one in part.material.learn}
    empty = sum(bool(one.facts) for one in part.material.learn)
    assert corrections(part, lambda _: frozenset()) == empty
    assert corrections(part, lambda text: truth[text]) < empty


def row(user: str, **changes: Any) -> Row:
    arm = "candidate" if fine_bucket(user, KEY) < 5000 else "stable"
    return Row(**{"scenario": "s", "user": user, "sent": 10.0, "ended": 10.1, "status": 200, "arm": arm,
                  "rollout": "experiment"} | changes)  # fmt: skip


def test_arms_are_compared_with_the_hash_and_strangers_are_told_apart() -> None:
    rows = [row(f"u{number}") for number in range(100)]
    other = "stable" if rows[0].arm == "candidate" else "candidate"
    rows += [row("u0", arm=other), row("u1", rollout="the-rollout", arm="stable"), row("u2", status=503, rollout="")]
    rows.append(row("u3", sent=99.0, ended=99.1))
    found = arms_of(rows, ASSIGNMENT, 0.0, 50.0)
    assert (found.requests, found.wrong, found.unassigned, found.lost) == (101, 1, 1, 1)
    assert found.agreement == pytest.approx(100 / 101)
    assert wrong(found) == [
        "1 of 101 answers came from another arm than the computed one",
        "1 requests lost",
    ]
    assert computed("u0", ASSIGNMENT) == rows[0].arm


def test_times_and_counts_change_in_the_manifests_and_nothing_else() -> None:
    times, lesson = LoopTimes(), Expected(400, 700, 193)
    [loop] = read_manifest(MANIFESTS / "learning-loop.yaml")
    made = LearningLoop.model_validate(compress_loop(loop, times, lesson, "token-classification"))
    assert made.spec.min_new_examples == 400
    assert made.spec.training_template is not None
    assert made.spec.training_template.spec.trainer == "token-classification"
    assert made.spec.training_template.spec.gate.champion is None
    assert made.spec.experiment_template is not None
    assert made.spec.experiment_template.spec.analysis.window == f"{times.window}s"
    [rollout] = read_manifest(MANIFESTS / "rollout.yaml")
    assert [step.set_weight for step in Rollout.model_validate(compress_rollout(rollout, times, 193)).spec.steps] == [
        10, 25, 50, 75, 100,
    ]  # fmt: skip
    assert times.window >= times.proof
    assert times.most > times.proof + times.window + times.label_delay


def test_a_control_is_an_experiment_that_sets_no_candidate() -> None:
    arm = {"source": "models:/learn.fact-extraction/1", "digest": "sha256:" + "a" * 64}
    made = Experiment.model_validate(control("twin", LoopTimes(), 193, arm))
    assert made.spec.on_ship == "Report"
    assert [(v.name, v.role) for v in made.spec.variants] == [("control", "Control"), ("treatment", "Treatment")]


def test_the_first_of_several_turns_gets_three_fifths_of_the_lessons() -> None:
    assert [(one.trainer, one.share) for one in lessons_for(["linear-tagger"])] == [("linear-tagger", 1.0)]
    both = lessons_for(["linear-tagger", "token-classification"])
    assert [one.share for one in both] == [0.6, 0.4]


class Cluster:
    """Watches that show what they are given once."""

    def __init__(self, bodies: list[dict[str, Any]]) -> None:
        self._bodies = bodies

    def watch(self, *_: str) -> "Cluster":
        return self

    def __iter__(self) -> Any:
        return iter(self._bodies)

    def close(self) -> None:
        pass


def test_every_change_of_an_object_is_told_once() -> None:
    told: list[Any] = []
    bodies = [_experiment("Waiting"), _experiment("Waiting"), _experiment("Complete", "Ship")]
    objects = Objects(Cluster(bodies), "learn", told.append)
    objects.start()
    assert objects.until("Experiment", "facts-1", lambda status: status.get("decision") == "Ship", 5)
    objects.stop()
    assert [(one.before, one.after) for one in told][:2] == [("-", "Waiting"), ("Waiting", "Ship")]
    assert not objects.of("Experiment", "other")
    assert describe("TrainingRun", {}) == "new"


def test_what_does_not_come_in_time_is_said_with_what_was_said_last() -> None:
    body = _experiment("Waiting")
    body["status"]["message"] = "rollout/facts has another holder"
    objects = Objects(Cluster([body]), "learn", lambda _: None)
    objects.start()
    assert objects.expect("Experiment", "facts-1", lambda status: status.get("phase") == "Waiting", 5, "-")
    said = r"Experiment facts-1: nothing was decided within 0 s; last: rollout/facts has another holder"
    with pytest.raises(KubeError, match=said):
        objects.expect("Experiment", "facts-1", lambda status: bool(status.get("decision")), 0.0, "nothing was decided")
    with pytest.raises(KubeError, match="it was never there"):
        objects.expect("Experiment", "facts-2", bool, 0.0, "nobody made it")
    objects.stop()


def test_most_unassigned_is_a_share_of_those_with_an_arm() -> None:
    rows = [row(f"u{number}") for number in range(100)]
    strangers = [row(f"s{number}", rollout="the-rollout", arm="stable") for number in range(3)]
    assert wrong(arms_of([*rows, *strangers[:2]], ASSIGNMENT, 0.0, 50.0)) == []
    assert wrong(arms_of([*rows, *strangers], ASSIGNMENT, 0.0, 50.0)) == [
        "3 requests had no arm beside 100 that had one"
    ]


def test_a_training_says_how_far_it_is_in_tenths() -> None:
    said = [describe("TrainingRun", {"phase": "Running", "progress": progress}) for progress in (0, 9, 24, 52, 99)]
    assert said == ["Running", "Running", "Running 20 %", "Running 50 %", "Running 90 %"]
    assert describe("TrainingRun", {"phase": "Gating", "progress": 99}) == "Gating"


def test_a_look_at_what_does_not_answer_says_what_to_do() -> None:
    with pytest.raises(KubeError, match=r"does not answer.*look at the pods"):
        ask("http://127.0.0.1:9", ["I play soccer"])


def test_an_artifact_that_cannot_be_had_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    registered = {"source": "models:/learn.facts/1", "digest": "sha256:" + "a" * 64}
    with pytest.raises(KubeError, match=r"models:/learn\.facts/1 could not be fetched.*namespace mlflow"):
        fetch("http://127.0.0.1:9", registered, tmp_path)


def _experiment(phase: str, decision: str = "") -> dict[str, Any]:
    status = {"phase": phase} | ({"decision": decision} if decision else {})
    return {"kind": "Experiment", "metadata": {"name": "facts-1"}, "status": status}


def test_what_was_never_reached_leaves_a_table_and_a_report_that_say_so(tmp_path: Path) -> None:
    result = LoopResult(turns=[TurnResult(1, "linear-tagger")], controls=[ControlResult("twin", "A/A", {}, None)])
    result.turns[0].problems.append("no release")
    assert turns_table(result).rows[0][:3] == ("1", "linear-tagger\non -", "-+-+-")
    assert golden_table(result).rows == ()
    assert json.loads(json.dumps(result.report()))["problems"] == ["no release"]


def test_a_version_that_the_gate_refused_is_named_and_not_passed_over() -> None:
    refused = TurnResult(2, "token-classification", outcome="GateRefused")
    [row] = golden_table(LoopResult(turns=[refused])).rows
    assert row[0] == "token-classification, turn 2"
    assert row[5] == "GateRefused: no version to look at"


def test_a_release_is_reported_by_its_number_and_how_it_ended() -> None:
    turn = TurnResult(2, "token-classification", outcome="RolledBack", release=ReleaseRecord(3, "r", "d", "RolledBack"))
    [told] = LoopResult(turns=[turn]).report()["turns"]
    assert (told["release"], told["outcome"]) == ({"number": 3, "state": "RolledBack"}, "RolledBack")


def people_who(right: int, of: int) -> dict[str, Score]:
    """Forty people with one fact each; as many as `right` got it."""
    return {f"p{number}": Score(2 * (number < right), 2 if number < right else 1) for number in range(of)}


def look_of(model: str, f1: float, by_person: dict[str, Score]) -> Look:
    return Look(model, "r", {"f1": f1, "lower": 0.0, "upper": 1.0, "precision": f1, "recall": f1}, by_person)


def test_improved_is_said_of_a_difference_from_the_best_cheaper_one_that_is_no_chance() -> None:
    rules, first = look_of("rules", 0.1, people_who(4, 40)), look_of("first", 0.7, people_who(25, 40))
    tagger, alike = look_of("tagger", 0.8, people_who(30, 40)), look_of("alike", 0.79, people_who(29, 40))
    worse = look_of("worse", 0.3, people_who(8, 40))
    turns = [
        TurnResult(1, "linear-tagger", look=tagger, parity=Parity(500, 1, 0.02)),
        TurnResult(2, "token-classification", look=worse),
        TurnResult(3, "token-classification", look=alike),
    ]
    rows = golden_table(LoopResult(rules=rules, first_act=first, turns=turns)).rows
    assert [row[0] for row in rows] == ["rules", "first", "tagger", "worse", "alike"]
    assert [row[5].rpartition("] ")[2] for row in rows] == [
        "-", "rules: improved", "rules: improved", "tagger: worse", "tagger: not told apart",
    ]  # fmt: skip
    assert [row[6] for row in rows] == ["-", "-", "499 of 500 messages, confidences within 0.02", "-", "-"]


def test_a_cheap_one_of_the_first_act_may_be_the_best() -> None:
    first, tagger = look_of("first", 0.8, people_who(30, 40)), look_of("tagger", 0.3, people_who(10, 40))
    turns = [TurnResult(1, "linear-tagger", look=tagger), TurnResult(2, "other", look=first)]
    [*_, last] = golden_table(LoopResult(first_act=first, turns=turns)).rows
    assert last[5].endswith("first: not told apart")


def test_a_report_of_looks_names_no_person() -> None:
    looked = look_of("tagger", 0.8, {"somebody": Score(2, 2)})
    told = json.dumps(LoopResult(rules=looked, turns=[TurnResult(1, "a", look=looked)]).report())
    assert "0.8" in told
    assert "somebody" not in told


def test_a_persons_counts_on_golden_are_the_pieces_of_f1() -> None:
    messages = golden_messages()
    truth = {one.text: one.facts for one in messages}
    found = by_person(truth, messages)
    assert set(found) == {one.person for one in messages}
    assert sum(one.numerator for one in found.values()) == sum(one.denominator for one in found.values()) > 0

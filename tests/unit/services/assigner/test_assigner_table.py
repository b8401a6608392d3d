"""What is known: replaced by whole lists, changed by events, asked by namespace; metrics follow."""

import pytest
from assigner_objects import assigning, assignment
from prometheus_client import CollectorRegistry

from pawl_services.assigner.metrics import AssignerMetrics
from pawl_services.assigner.table import Table


class Stage:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.table = Table(AssignerMetrics(self.registry))

    def known(self) -> dict[str, int]:
        return {f"{seen.namespace}/{seen.name}": assigned.generation for seen, assigned in self.table.assigned()}

    def gauge(self, name: str, namespace: str = "demo", rollout: str = "chat") -> float | None:
        return self.registry.get_sample_value(
            f"pawl_assigner_{name}", {"object_namespace": namespace, "object": rollout}
        )


def test_a_list_takes_away_what_it_does_not_name_in_its_own_scope_only() -> None:
    stage = Stage()
    stage.table.replace("demo", [assigning(assigned=assignment()), assigning(name="b", assigned=assignment())])
    stage.table.replace("shop", [assigning("shop", assigned=assignment(generation=5))])
    stage.table.replace("demo", [assigning(name="b", assigned=assignment(generation=2))])
    assert stage.known() == {"demo/b": 2, "shop/chat": 5}
    assert stage.gauge("generation") is None
    stage.table.replace("", [])
    assert stage.known() == {}
    assert stage.gauge("generation", "shop") is None


def test_events_change_one_rollout() -> None:
    stage = Stage()
    stage.table.put(assigning(assigned=assignment(generation=3)))
    assert (stage.known(), stage.gauge("generation")) == ({"demo/chat": 3}, 3)
    stage.table.put(assigning(assigned=assignment(generation=4)))
    assert (stage.known(), stage.gauge("generation")) == ({"demo/chat": 4}, 4)
    stage.table.put(assigning())
    assert (stage.known(), stage.gauge("generation")) == ({}, None)
    assert stage.table.find("demo", "chat") is not None
    stage.table.remove(assigning())
    stage.table.remove(assigning())
    assert stage.table.find("demo", "chat") is None


def test_an_assignment_that_can_no_longer_be_read_is_not_kept() -> None:
    stage = Stage()
    stage.table.put(assigning(assigned=assignment()))
    stage.table.put(assigning(assigned=assignment(key="a:b")))
    assert stage.known() == {}
    assert (stage.gauge("generation"), stage.gauge("unreadable")) == (None, 1)
    stage.table.put(assigning(assigned=assignment(generation=2)))
    assert (stage.gauge("generation"), stage.gauge("unreadable")) == (2, None)


def test_flags_are_the_components_of_a_namespace() -> None:
    stage = Stage()
    stage.table.put(assigning(assigned=assignment()))
    stage.table.put(assigning(name="trust", component="trust"))
    stage.table.put(assigning("shop", assigned=assignment()))
    flags = stage.table.flags("demo")
    assert list(flags) == ["facts", "trust"]
    assert flags["facts"] is not None
    assert flags["trust"] is None
    assert stage.table.flags("none") == {}


@pytest.mark.parametrize(("second", "asked"), [(None, True), (assignment(generation=9), False)])
def test_two_rollouts_that_ask_about_one_component_leave_it_alone(second: object, asked: bool) -> None:
    stage = Stage()
    stage.table.put(assigning(assigned=assignment()))
    stage.table.put(assigning(name="second", assigned=second))
    assert (stage.table.flags("demo")["facts"] is not None) is asked

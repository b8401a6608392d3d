"""Plays the controls: a twin of what is live, and a version that finds nothing. Neither may ship."""

from collections.abc import Callable, Iterator

from pawl_examples.kube import Kube
from pawl_examples.loop.objects import status_of
from pawl_examples.loop.proving import Proving
from pawl_examples.loop.setting import LoopTimes, control, controls_beside
from pawl_examples.loop.turn import ControlResult, wrong


def play_controls(
    kube: Kube, times: LoopTimes, proving: Proving, provers: int, say: Callable[[str], None]
) -> Iterator[ControlResult]:
    """Play one control after the other beside what is live now; `provers` is how many people prove."""
    for name, title, treatment in controls_beside(proving.follower.history.latest["status"]["stable"]):
        say(f"control {name}: {title}; must not ship")
        kube.apply(control(name, times, provers, treatment))
        arms = proving.play(name)
        found = ControlResult(name, title, status_of(proving.objects.of("Experiment", name)), arms)
        found.problems += wrong(arms)
        if found.experiment.get("decision") == "Ship":
            found.problems.append(f"{title}: was shipped")
        yield found

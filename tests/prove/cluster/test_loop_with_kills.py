"""Whoever is killed at whatever moment of the second act: it ends in the same decisions as without."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from loop_killer import VICTIMS, kill_at_random
from own_cluster import TRAINER

from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material
from pawl_examples.loop.opening import opened
from pawl_examples.loop.setting import clear
from pawl_examples.loop.talk import lessons_for
from pawl_examples.loop.turn import LoopResult, TurnResult

Figure = Callable[[str], None]


def decisions(turn: TurnResult) -> tuple[str, bool, str, str]:
    """What is decided in a turn: the training's end, its gate, the Experiment, the release."""
    gate = bool((turn.training.get("gate") or {}).get("passed"))
    return str(turn.training.get("phase")), gate, str(turn.experiment.get("decision")), turn.outcome


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", [*VICTIMS])
def test_the_same_decisions(name: str, stand: Stand, material: Material, folder: Path, figure: Figure) -> None:
    result = LoopResult()
    with (
        opened(stand, material, folder, result, lambda transition: print(transition), print) as act,
        ThreadPoolExecutor(1, "killer") as pool,
    ):
        killing = pool.submit(kill_at_random, stand.cluster, stand.kube, VICTIMS[name], f"pawl-{name}")
        act.play(lessons_for([TRAINER]), controls=False)
        killed = killing.result()
    clear(stand.kube)  # what was said is enough for further turns
    [turn] = result.turns
    attempts = [(one["number"], one.get("reason", "")) for one in turn.training["attempts"]]
    moments = ", ".join(f"{one.seconds:.0f} s ({one.phase})" for one in killed)
    figure(f"{name} killed after {moments}: {turn.seconds}, attempts {attempts}")
    assert turn.arms is not None
    figure(f"{name} killed: {turn.arms}; {turn.experiment['message']}")
    assert decisions(turn) == ("Succeeded", True, "Ship", "Promoted")
    assert (turn.arms.wrong, turn.arms.lost) == (0, 0)
    assert turn.parity is not None
    assert turn.parity.different == 0

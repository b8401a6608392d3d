"""Nobody who proves is in what the collector gives to a training, on the cluster on which both have spoken."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from pawl_examples import install
from pawl_examples.applog import COMPONENT
from pawl_examples.bringup import Stand
from pawl_examples.dataset import Material

Json = dict[str, Any]


def test_no_dataset_holds_a_person_who_proves(
    stand: Stand, report: Json, material: Material, figure: Callable[[str], None]
) -> None:
    assert report["loop"]["turns"][0]["arms"]["treatment_people"] > 0, "nobody proved anything"
    key = install.api_key(stand.kube, install.LEARN, "pawl-trainer")
    answer = httpx.get(
        f"{stand.collector}/v1/examples",
        params={"component": COMPONENT},
        headers={"authorization": f"Bearer {key}"},
        timeout=60,
    )
    rows = [json.loads(line) for line in answer.raise_for_status().text.splitlines()]
    speakers, said = {row["user"] for row in rows}, {row["input"]["text"] for row in rows}
    figure(f"dataset after the act: {len(rows)} examples of {len(speakers)} people, {len(material.provers)} prove")
    # The collector knows people by pseudonyms, so they are told apart by what they say.
    learn = {one.text for one in material.learn}
    assert said
    assert {one.text for one in material.prove} - learn, "what prove people say cannot be told apart"
    assert said <= learn
    assert len(speakers) <= len({one.person for one in material.learn})

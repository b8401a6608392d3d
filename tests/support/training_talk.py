"""People who talk to a product and correct it, by the collector's own routes."""

import uuid

from collector_process import CollectorProcess
from training_samples import PER_PERSON, samples

TENANT = "tenant-0"
PEOPLE = 50
LEARNABLE = (PEOPLE - 1) * PER_PERSON
"""One person does not allow that it is learned from what they say."""


def talk(collector: CollectorProcess) -> None:
    """Everybody is answered with nothing and corrects it."""
    interactions, feedback = [], []
    for example in samples(PEOPLE):
        identity = str(uuid.uuid4())
        interactions.append(
            {
                "id": identity,
                "component": "fact-extraction",
                "user": example.person,
                "time": example.time.isoformat(),
                "input": example.input,
                "output": [],
                "training": example.person != "person-000",
            }
        )
        value = {"truth": example.truth, "release_evidence": False}
        said = {"id": str(uuid.uuid4()), "interaction": identity, "kind": "correction", "value": value}
        feedback.append(said | {"time": example.time.isoformat()})
    with collector.client(TENANT) as client:
        assert client.post("/v1/interactions", json={"interactions": interactions}).is_success
        assert client.post("/v1/feedback", json={"feedback": feedback}).is_success

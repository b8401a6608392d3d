"""Sending again never counts twice, the order of arrival does not matter, and tenants never meet."""

import uuid
from concurrent.futures import ThreadPoolExecutor

from records import feedback, interaction, prediction

from pawl_services.db.reader import feedback_of, interactions_of, predictions_of
from pawl_services.db.tables import feedback as feedback_table
from pawl_services.db.tables import interactions, predictions


def test_a_batch_sent_again_is_known(tenant):
    batch = {"interactions": [interaction() for _ in range(20)]}
    assert tenant.client.post("/v1/interactions", json=batch).json() == {"accepted": 20, "duplicates": 0}
    assert tenant.client.post("/v1/interactions", json=batch).json() == {"accepted": 0, "duplicates": 20}
    batch["interactions"] += [interaction() for _ in range(3)]
    assert tenant.client.post("/v1/interactions", json=batch).json() == {"accepted": 3, "duplicates": 20}
    assert len(tenant.rows(interactions)) == 23


def test_one_id_twice_in_a_batch_counts_once_and_the_first_stays(tenant):
    first = interaction(output="first")
    batch = {"interactions": [first, interaction(), {**first, "output": "second"}]}
    assert tenant.client.post("/v1/interactions", json=batch).json() == {"accepted": 2, "duplicates": 1}
    assert {row["output"] for row in tenant.rows(interactions) if row["id"] == first["id"]} == {"first"}


def test_what_was_acknowledged_is_never_changed(tenant):
    first = interaction(output="first")
    tenant.client.post("/v1/interactions", json=first)
    (before,) = tenant.rows(interactions)
    assert tenant.client.post("/v1/interactions", json={**first, "output": "second"}).json()["duplicates"] == 1
    assert tenant.rows(interactions) == [before]


def test_an_id_may_be_written_in_any_form_of_a_uuid(tenant):
    sent = interaction()
    tenant.client.post("/v1/interactions", json=sent)
    again = {**sent, "id": sent["id"].upper()}
    assert tenant.client.post("/v1/interactions", json=again).json() == {"accepted": 0, "duplicates": 1}


def test_of_many_senders_of_one_id_exactly_one_is_accepted(tenant):
    records = [interaction() for _ in range(10)]

    def send(_: int) -> int:
        return int(tenant.client.post("/v1/interactions", json={"interactions": records}).json()["accepted"])

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(send, range(32))) == 10
    assert len(tenant.rows(interactions)) == 10


def test_feedback_may_come_first(tenant):
    sent = interaction()
    said = feedback(sent["id"])
    assert tenant.client.post("/v1/feedback", json=said).json()["accepted"] == 1
    assert tenant.client.post("/v1/feedback", json=said).json()["duplicates"] == 1
    assert tenant.client.post("/v1/interactions", json=sent).json()["accepted"] == 1
    with tenant.database.read() as connection:
        (label,) = feedback_of(connection, tenant.name, [sent["id"]])
        (answer,) = interactions_of(connection, tenant.name, [sent["id"], str(uuid.uuid4())])
    assert (label.id, label.value, label.interaction) == (said["id"], {"truth": []}, answer.id)
    assert label.received_at < answer.received_at


def test_paired_answers_count_once_per_revision_and_source(tenant):
    sent = interaction()
    mirrored = prediction(sent["id"])
    batch = [mirrored, {**mirrored, "source": "Replay"}, {**mirrored, "revision": "other"}, mirrored]
    answer = tenant.client.post("/v1/predictions", json={"predictions": batch})
    assert answer.json() == {"accepted": 3, "duplicates": 1}
    with tenant.database.read() as connection:
        found = list(predictions_of(connection, tenant.name, "fact-extraction", [sent["id"]]))
    assert {(item.revision, item.source) for item in found} == {
        ("abcdef0123", "Mirror"),
        ("abcdef0123", "Replay"),
        ("other", "Mirror"),
    }


def test_tenants_with_the_same_ids_and_people_stay_apart(tenant, other_tenant):
    sent = interaction()
    said = feedback(sent["id"])
    for each in (tenant, other_tenant):
        assert each.client.post("/v1/interactions", json=sent).json()["accepted"] == 1
        assert each.client.post("/v1/feedback", json=said).json()["accepted"] == 1
    (here,), (there,) = tenant.rows(interactions), other_tenant.rows(interactions)
    assert here["id"] == there["id"]
    assert here["user"] != there["user"]
    assert here["key_id"] == there["key_id"]
    assert len(tenant.rows(feedback_table)) == len(other_tenant.rows(feedback_table)) == 1


def test_one_person_has_one_pseudonym(tenant):
    for user in ("ada", "ada", "Ada", "ad\u0061\u0301"):
        tenant.client.post("/v1/interactions", json=interaction(user=user))
    assert len({row["user"] for row in tenant.rows(interactions)}) == 3


def test_a_refused_record_leaves_nothing_of_its_batch(tenant):
    wrong = interaction(predictions=[{"component": "trust", "output": {"x": "\u0000"}, "revision": "r"}])
    answer = tenant.client.post("/v1/interactions", json={"interactions": [interaction(), wrong]})
    assert answer.status_code == 422
    assert answer.json()["field"] == "interactions[1].predictions[0].output"
    assert tenant.rows(interactions) == tenant.rows(predictions) == []

"""Samples as the monitor exports them, for tests that read or spoil them."""

from pawl.evidence import Sample

COMPUTED = 1_764_000_000.0


def group(
    metric: str = "accuracy",
    step: int = 1,
    *,
    uid: str = "u1",
    release: int = 1,
    batch: int = 3,
    instance: str = "m-0:8080",
) -> list[Sample]:
    """All series of one (release, step, metric) with two arms and pairs."""
    base = {
        "object_uid": uid,
        "object_kind": "Rollout",
        "object": "facts",
        "object_namespace": "demo",
        "release": str(release),
        "step": str(step),
        "metric": metric,
        "instance": instance,
    }
    found = []
    for arm, mean in (("candidate", 0.8), ("stable", 0.9), ("paired", -0.1)):
        labels = base | {"arm": arm}
        values = {"users": 50.0, "mean": mean, "m2": 4.0, "samples": 120.0}
        if arm != "paired":
            values |= {"denominator_mean": 2.0, "denominator_m2": 1.0, "comoment": 0.5}
        found += [Sample(f"pawl_evidence_{name}", labels, value) for name, value in values.items()]
    alone = base | {"arm": ""}
    found += [
        Sample("pawl_evidence_batch", alone, float(batch)),
        Sample("pawl_evidence_watermark_timestamp_seconds", alone, COMPUTED - 5),
        Sample("pawl_evidence_computed_timestamp_seconds", alone, COMPUTED),
        Sample("pawl_evidence_label_rate", alone, 12.0),
        Sample("pawl_evidence_log_e", alone | {"question": "harm"}, 0.5),
        Sample("pawl_evidence_log_e", alone | {"question": "srm"}, -0.5),
    ]
    return found


def release_wide(uid: str = "u1", release: int = 1) -> list[Sample]:
    """What is said of a release as a whole."""
    labels = {"object_uid": uid, "release": str(release), "instance": "m-0:8080"}
    return [
        Sample("pawl_evidence_first_harm_timestamp_seconds", labels, COMPUTED - 60),
        Sample("pawl_evidence_exposed_users", labels, 17.0),
        Sample("pawl_evidence_exposed_requests", labels, 42.0),
    ]

"""The types accept exactly what a real API server accepts; at least 30 % of the objects have one field made wrong."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kube_client import ApiError
from manifests import SMALLEST, manifests, mutations, status_mutations, statuses
from pydantic import ValidationError

from apiserver import ApiServer
from pawl.api.kinds import KINDS, Kind

EXAMPLES = 100
WRONG_SHARE = 0.3
STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
STATUSES = 40
SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Judges:
    """Asks both; fails where they differ, and counts."""

    kind: Kind
    server: ApiServer
    seen: Counter[str] = field(default_factory=Counter)

    def accept(self, manifest: Any, what: str, *, status: bool = False) -> bool:
        by_types, typed = self._types(manifest)
        by_server, stored = self._server(manifest, status)
        assert bool(by_types) == bool(by_server), f"{what}\ntypes: {by_types}\nserver: {by_server}\n{manifest}"
        if typed is not None:
            # Both filled in the same defaults, and what the server stores reads back as the same object.
            read = self.kind.model.from_cluster(stored)
            assert (read.status if status else read.spec) == (typed.status if status else typed.spec)
        return typed is not None

    def _types(self, manifest: Any) -> tuple[str, Any]:
        try:
            return "", self.kind.model.model_validate(manifest)
        except ValidationError as error:
            return str(error), None

    def _server(self, manifest: Any, status: bool) -> tuple[str, Any]:
        try:
            if status:
                return "", self.server.replace(manifest, subresource="status", **STRICT)
            return "", self.server.create(manifest, **STRICT)
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            return error.message, None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_types_and_api_server_agree(kind: Kind, apiserver: ApiServer, figure: Callable[[str], None]) -> None:
    judges = Judges(kind, apiserver)

    @settings(SETTINGS, max_examples=EXAMPLES)
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        manifest = data.draw(manifests(kind))
        accepted = judges.accept(manifest, "from scratch")
        judges.seen["accepted" if accepted else "refused"] += 1
        if accepted:
            wrong = data.draw(st.lists(st.sampled_from(mutations(kind, manifest)), min_size=2, max_size=2))
            for mutation in wrong:
                assert not judges.accept(mutation.apply(manifest), repr(mutation)), f"accepted by both: {mutation}"
                judges.seen["made wrong, refused"] += 1

    agree()
    figure(f"parity, {kind.name}: " + ", ".join(f"{count} {word}" for word, count in sorted(judges.seen.items())))
    assert judges.seen["made wrong, refused"] >= WRONG_SHARE * judges.seen.total()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_statuses_agree_too(kind: Kind, apiserver: ApiServer, namespace: str) -> None:
    smallest = {"apiVersion": "pawl.dev/v1alpha1", "kind": kind.name, "metadata": {"name": "x", "namespace": namespace}}
    stored = apiserver.create(smallest | {"spec": SMALLEST[kind.name]})
    judges = Judges(kind, apiserver)

    @settings(SETTINGS, max_examples=STATUSES)
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        manifest = stored | {"status": data.draw(statuses(kind))}
        if judges.accept(manifest, "from scratch", status=True):
            judges.seen["accepted"] += 1
            mutation = data.draw(st.sampled_from(status_mutations(kind, manifest["status"])))
            assert not judges.accept(mutation.apply(manifest), repr(mutation), status=True), f"accepted: {mutation}"

    agree()
    assert judges.seen["accepted"] >= STATUSES / 4

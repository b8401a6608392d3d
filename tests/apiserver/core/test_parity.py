"""The types accept exactly what a real API server accepts; at least 30 % of the objects have one field made wrong."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kube_client import ApiError
from manifests import manifests, mutations
from pydantic import ValidationError

from apiserver import ApiServer
from pawl.api.kinds import KINDS, Kind

EXAMPLES = 120
WRONG_SHARE = 0.3
STRICT = {"dryRun": "All", "fieldValidation": "Strict"}
EXHAUSTIVE = settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@dataclass
class Judges:
    """Asks both; fails where they differ, and counts."""

    kind: Kind
    server: ApiServer
    seen: Counter[str] = field(default_factory=Counter)

    def accept(self, manifest: Any, what: str) -> bool:
        by_types, typed = self._types(manifest)
        by_server, stored = self._server(manifest)
        assert bool(by_types) == bool(by_server), f"{what}\ntypes: {by_types}\nserver: {by_server}\n{manifest}"
        if typed is not None:
            # Both filled in the same defaults, and what the server stores reads back as the same object.
            assert self.kind.model.from_cluster(stored).spec == typed.spec
        return typed is not None

    def _types(self, manifest: Any) -> tuple[str, Any]:
        try:
            return "", self.kind.model.model_validate(manifest)
        except ValidationError as error:
            return str(error), None

    def _server(self, manifest: Any) -> tuple[str, Any]:
        try:
            return "", self.server.create(manifest, **STRICT)
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            return error.message, None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_types_and_api_server_agree(kind: Kind, apiserver: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    judges = Judges(kind, apiserver)

    @EXHAUSTIVE
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        manifest = data.draw(manifests(kind))
        accepted = judges.accept(manifest, "from scratch")
        judges.seen["accepted" if accepted else "refused"] += 1
        if accepted:
            mutation = data.draw(st.sampled_from(mutations(kind, manifest)))
            assert not judges.accept(mutation.apply(manifest), repr(mutation)), f"accepted by both: {mutation}"
            judges.seen["made wrong, refused"] += 1

    agree()
    with capsys.disabled():
        print(f"\n  {kind.name}: " + ", ".join(f"{count} {word}" for word, count in sorted(judges.seen.items())))
    assert judges.seen["made wrong, refused"] >= WRONG_SHARE * judges.seen.total()

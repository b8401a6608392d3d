"""The weights that the HTTPRoute itself carried in each step of each release, by the marks on its backends."""

from typing import Any

Json = dict[str, Any]


class Weights:
    """Feed it every state of an HTTPRoute; it keeps (candidate, stable) as they stood there, by release and step."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def feed(self, route: Json) -> None:
        """Take in one state of the route; one without a candidate tells nothing."""
        for rule in route["spec"].get("rules") or []:
            arms = {marks.get("x-pawl-arm", ""): (backend, marks) for backend, marks in _marked(rule)}
            if "candidate" not in arms or "stable" not in arms:
                continue
            (candidate, marks), (stable, _) = arms["candidate"], arms["stable"]
            seen = self._seen.setdefault((int(marks["x-pawl-release"]), int(marks["x-pawl-step"])), [])
            weights = (candidate.get("weight", 1), stable.get("weight", 1))
            if seen[-1:] != [weights]:
                seen.append(weights)

    def of(self, release: int, step: int) -> list[tuple[int, int]]:
        """The weights of a step in the order in which they were written, the last one being what it held at."""
        return list(self._seen.get((release, step), []))


def _marked(rule: Json) -> list[tuple[Json, dict[str, str]]]:
    found = []
    for backend in rule.get("backendRefs") or []:
        set_by = [entry.get("requestHeaderModifier") or {} for entry in backend.get("filters") or []]
        found.append((backend, {header["name"]: header["value"] for one in set_by for header in one.get("set") or []}))
    return found

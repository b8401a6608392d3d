"""What holds for every kind as a whole: its name, its identity, its columns."""

import re
from dataclasses import dataclass

from pawl.api.rules import Cel

MAX_NAME = 40
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

NAME_RULE = Cel(
    f"size(self.metadata.name) <= {MAX_NAME} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name must be at most {MAX_NAME} lower case letters, digits and '-', starting with a letter: "
    "names of Services and Deployments are made from it",
    lambda value: len(value.metadata.name) <= MAX_NAME and _NAME.fullmatch(value.metadata.name) is not None,
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of `kubectl get`; priority 1 only shows with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0

    def definition(self) -> dict[str, object]:
        """The entry for `additionalPrinterColumns`."""
        entry: dict[str, object] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return entry | ({"priority": self.priority} if self.priority else {})


@dataclass(frozen=True, slots=True)
class Names:
    """How a kind is called."""

    kind: str
    plural: str
    short: str

    @property
    def singular(self) -> str:
        """The kind in lower case."""
        return self.kind.lower()

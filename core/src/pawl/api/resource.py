"""What holds for every kind as a whole: the rule about its name."""

import re

from pawl.api.rules import Cel

MAX_NAME = 40
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

NAME_RULE = Cel(
    f"size(self.metadata.name) <= {MAX_NAME} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name must be at most {MAX_NAME} lower case letters, digits and '-', starting with a letter: "
    "names of Services and Deployments are made from it",
    lambda value: len(value.metadata.name) <= MAX_NAME and _NAME.fullmatch(value.metadata.name) is not None,
)

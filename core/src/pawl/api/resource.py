"""What holds for every kind as a whole: the rule about its name."""

import re

from pawl.api.rules import Cel

MAX_NAME = 40
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")

NAME_RULE = Cel(
    f"size(self.metadata.name) <= {MAX_NAME} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name is longer than {MAX_NAME} or has other characters than lower case letters, digits and '-': "
    "choose a shorter one that starts with a letter, because names of Services are made from it",
    lambda value: len(value.metadata.name) <= MAX_NAME and _NAME.fullmatch(value.metadata.name) is not None,
    field="metadata.name",
)

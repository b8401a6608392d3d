"""What holds for every kind as a whole: the rule about its name."""

import re

from pawl.api.rules import Cel

MAX_NAME = 40
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def name_rule(longest: int, because: str) -> Cel:
    """The rule about metadata.name of a kind whose names may have that many characters."""
    return Cel(
        f"size(self.metadata.name) <= {longest} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        f"metadata.name is longer than {longest} or has other characters than lower case letters, digits and '-': "
        f"choose a shorter one that starts with a letter, because {because}",
        lambda value: len(value.metadata.name) <= longest and _NAME.fullmatch(value.metadata.name) is not None,
        field="metadata.name",
    )


NAME_RULE = name_rule(MAX_NAME, "names of Services are made from it")

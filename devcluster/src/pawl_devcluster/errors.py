"""The one error that this package shows to people: a sentence that says what is wrong and what to do."""


class DevclusterError(Exception):
    """Something that a person can act on; its text is printed as it stands."""

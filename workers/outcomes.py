"""How a run may end other than well."""


class Later(Exception):
    """The outside does not answer: try again, sooner or later. The message is the reason."""


class Never(Exception):
    """Trying again cannot help: straight to the dead letters."""

"""The one error type that reaches a user."""


class Emote3DError(Exception):
    """Bad input at a border: one line that says what was expected, what came and what to do.

    The command line prints it on stderr and exits with code 2.
    """

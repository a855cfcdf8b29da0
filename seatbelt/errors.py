"""The one error family for mistakes that a user can mend."""


class UserError(ValueError):
    """Something the user gave cannot be used: a file, flag, configuration, image, checkpoint or row.

    The message is one line that says what is wrong, where, and what to do. The command line prints it
    without a traceback and ends with exit code 2.
    """


class WeightsNotFoundError(UserError):
    """The pretrained weights that were asked for are not on this machine."""


class SweepHeldError(UserError):
    """Another live driver writes to the sweep."""

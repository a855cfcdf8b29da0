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


def refuse_newer_format(place: str, version: object, known: int) -> None:
    """Refuse a file whose format is newer than this package knows.

    Raises:
        UserError: It is; the message says so, and what to do.
    """
    if isinstance(version, int) and version > known:
        raise UserError(
            f"{place} was made by a newer version of seatbelt (format {version}, this one reads {known}); install that "
            "version here, or restore the file from a backup if it is damaged"
        )

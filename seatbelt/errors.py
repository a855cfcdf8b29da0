"""Errors that a user can fix."""


class UserError(ValueError):
    """Invalid input: a file, option, configuration, image, checkpoint or row.

    The message is one line that says what is wrong, where, and what to do. The command line prints it without a
    traceback and exits with code 2.
    """


class WeightsNotFoundError(UserError):
    """The requested pretrained weights are not on this machine."""


class SweepHeldError(UserError):
    """Another running driver writes to the sweep."""


def refuse_newer_format(place: str, version: object, newest: int) -> None:
    """Refuse a file with a newer format than this version reads.

    Raises:
        UserError: The format is newer.
    """
    if isinstance(version, int) and version > newest:
        raise UserError(
            f"{place} was made by a newer version of seatbelt (format {version}, this one reads {newest}); install "
            "that version, or restore the file from a backup if it is damaged"
        )

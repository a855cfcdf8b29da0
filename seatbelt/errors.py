"""Errors that a user can fix."""

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """Invalid input: a file, option, configuration, image, checkpoint or row.

    The message is one line that says what is wrong, where, and what to do. The command line prints it without a
    traceback and exits with code 2.
    """


class WeightsNotFoundError(UserError):
    """The requested pretrained weights are not on this machine."""


class SweepHeldError(UserError):
    """Another running driver writes to the sweep."""


class SweepFailedError(Exception):
    """A session ended by a failure, or no trial of its sweep has a result; the message says why."""


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


@contextmanager
def refuse_impossible(place: str, advice: str) -> Iterator[None]:
    """Turn exceptions that impossible recorded values cause into one error for the user.

    Args:
        place: What holds the values and what is wrong with them, such as `the tables of x hold what no sweep writes`.
        advice: What to do.

    Raises:
        UserError: The values are impossible.
    """
    try:
        yield
    except UserError:
        raise
    except (AssertionError, AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise UserError(f"{place} ({what}); {advice}") from None

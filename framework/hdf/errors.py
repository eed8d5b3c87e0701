"""Mistakes that a user can mend, reported without a traceback."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        where: the place a person would open, such as ``recipe.yaml:12`` or ``hearts.csv:17``.
        message: what is wrong, what was expected and what to do.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def printable(text: str) -> str:
    """The text with its control characters written out, as file names and cells may hold any."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """One or many problems in what the user gave; the command line ends with exit code 2.

    Args:
        problems: all that was found, so that they can be mended in one go; a plain text is a
            problem whose place the engine knows better.
        traceback: the text of a plugin's own traceback, shown above the problems.
    """

    def __init__(self, problems: str | Problem | Iterable[Problem], traceback: str = "") -> None:
        if isinstance(problems, str):
            problems = Problem("", problems)
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        self.traceback = traceback
        super().__init__(self.problems, traceback)  # what pickle hands to a new one

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))

    @classmethod
    def joined(cls, errors: Iterable[UserError]) -> UserError:
        """The problems of several errors in one."""
        found = list(errors)
        problems = [problem for error in found for problem in error.problems]
        return cls(problems, "\n".join(error.traceback for error in found if error.traceback))


class UnreadableError(ValueError):
    """A file can't be read; the message quotes nothing of what is in it."""


class Interrupted(KeyboardInterrupt):
    """The process was asked to end.

    Args:
        number: of the signal.
        at_once: whether in the midst of something; otherwise what is in memory is in order.
    """

    def __init__(self, number: int, at_once: bool = False) -> None:
        super().__init__(number)
        self.number, self.at_once = number, at_once


def exit_code_of(error: BaseException) -> int:
    """As a shell reports a process that a signal ended: 130 for Ctrl-C, 143 for SIGTERM.

    Args:
        error: a `KeyboardInterrupt`, or what was raised from one.
    """
    interrupted = error if isinstance(error, Interrupted) else error.__cause__
    number = interrupted.number if isinstance(interrupted, Interrupted) else signal.SIGINT
    return 128 + number


def user_error(message: str, where: str = "") -> UserError:
    """A `UserError` with a single problem."""
    return UserError(Problem(where, message))


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Give a place to problems from within that have none."""
    try:
        yield
    except UserError as error:
        problems = [Problem(item.where or where, item.message) for item in error.problems]
        raise UserError(problems, error.traceback) from error


def suggest(name: str, names: Iterable[str]) -> str:
    """``; did you mean …?`` or the list of what there is, to end a message with."""
    from difflib import get_close_matches  # not above: only mistakes need it

    options = sorted(set(names))
    same = [option for option in options if option.casefold() == name.casefold()]
    close = same or get_close_matches(name, options, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are: {', '.join(options)}" if options else "; there are none"

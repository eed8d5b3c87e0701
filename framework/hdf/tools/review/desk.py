"""What is under review: the model's answers, and a person's decisions about them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from hdf.errors import Problem, UserError
from hdf.inference.answer import Answer
from hdf.inference.files import FileResult
from hdf.tools.review.entries import Boxes, Change, Entry, fault_of
from hdf.tools.review.films import Film
from hdf.tools.review.journal import Journal
from hdf.tools.review.table import (
    edited,
    journal_path,
    refuse_tables,
    remove_leftovers,
    write_tables,
)

DIGITS = 2
SHOWN_MISSING = 5


class ConflictError(Exception):
    """Somebody else has changed the image since; `entry` is what they made of it."""

    def __init__(self, entry: Entry | None) -> None:
        super().__init__("the image was changed elsewhere")
        self.entry = entry


class RefusedError(Exception):
    """A change that can't be kept, with the reason."""


@dataclass(frozen=True)
class Saved:
    """What came of a change.

    Attributes:
        revision: that it made, or had made when it was sent before.
        warning: what went wrong all the same; the change itself is kept.
    """

    revision: int
    warning: str = ""


class Desk:
    """All images of a review; from several threads at once.

    Attributes:
        films: the images, in natural order.
        labels: what the model finds.
        problem: what the person should know, such as that prediction has stopped; mostly empty.

    Args:
        table: where the accepted boxes are written; the journal lies beside it.

    Raises:
        UserError: the table or the journal is not this review's, or can't be used.
    """

    def __init__(self, films: Sequence[Film], labels: tuple[str, ...], table: Path) -> None:
        refuse_tables(table)
        self.films, self.labels, self.table = list(films), labels, table
        self.problem = ""
        self._told: list[tuple[int, FileResult]] = []
        self._answers: dict[str, Answer] = {}
        self._lock = Lock()
        self._journal = Journal(journal_path(table))
        self._entries = {entry.name: entry for entry in self._journal.entries}
        self._revisions = {entry.id: entry.revision for entry in self._journal.entries}
        try:
            self._refuse_missing()
            self._refuse_edited()
        except UserError:
            self.close()
            raise
        if self._entries:  # a kill may have come between journal and table
            remove_leftovers(table)
            self.problem = self._write()

    def close(self) -> None:
        """Let another process have the table."""
        self._journal.close()

    def tell(self, told: FileResult) -> None:
        """Take what the model says of the next file; they come in the order of `films`."""
        with self._lock:
            number = len(self._told)
            self._told.append((number, told))
            if told.answer is not None:
                self._answers[self.films[number].name] = told.answer

    def images(self, after: int) -> dict[str, Any]:
        """What the page needs to know, as JSON: all images but the first `after` that were told."""
        with self._lock:
            return {
                "total": len(self.films),
                "predicted": len(self._told),
                "problem": self.problem,
                "images": [self._image(number, told) for number, told in self._told[after:]],
            }

    def save(self, change: Change) -> Saved:
        """Keep a change, and write the tables anew.

        Raises:
            ConflictError: the image was changed since the page saw it.
            RefusedError: the change makes no sense.
            OSError: it can't be kept; everything is as it was.
        """
        with self._lock:
            if change.id in self._revisions:
                return Saved(self._revisions[change.id])
            entry = self._checked(change)
            self._journal.append(entry)
            self._entries[entry.name] = entry
            self._revisions[entry.id] = entry.revision
            return Saved(entry.revision, self._write())

    def counts(self) -> tuple[int, int]:
        """How many images are accepted, and how many are flagged."""
        with self._lock:
            states = [entry.state for entry in self._entries.values()]
        return states.count("accepted"), states.count("flagged")

    def _checked(self, change: Change) -> Entry:
        answer = self._answers.get(change.name)
        if answer is None:
            raise RefusedError("there is no such image, or the model has not seen it yet")
        earlier = self._entries.get(change.name)
        if change.base != (earlier.revision if earlier else 0):
            raise ConflictError(earlier)
        fault = fault_of(change, answer.size, self._labels_of(earlier))
        if fault:
            raise RefusedError(fault)
        return Entry(
            **change.model_dump(exclude={"base"}),
            revision=change.base + 1,
            size=answer.size,
            corrected=change.boxes != boxes_of(answer),
        )

    def _labels_of(self, earlier: Entry | None) -> tuple[str, ...]:
        """An older decision may hold labels of another model's."""
        return (*self.labels, *(earlier.boxes if earlier else ()))

    def _write(self) -> str:
        if changed := edited(self.table, self._ordered(), self._journal.written):
            return (
                f"{changed[0].name} was changed by another program and is left as it is; "
                f"{self._journal.path.name} keeps what is decided"
            )
        try:
            self._journal.note(write_tables(self.table, self._ordered()))
        except OSError as error:
            return f"{self.table.name} can't be written: {error.strerror}"
        return ""

    def _ordered(self) -> list[Entry]:
        return [self._entries[film.name] for film in self.films if film.name in self._entries]

    def _refuse_edited(self) -> None:
        """They would be written anew from the journal."""
        message = (
            "was changed since hdf review wrote it, and would be overwritten from {}; to keep it, "
            "rename it; to drop what was changed, delete it; then start again"
        )
        changed = edited(self.table, self._ordered(), self._journal.written)
        if changed:
            text = message.format(self._journal.path.name)
            raise UserError([Problem(str(path), text) for path in changed])

    def _refuse_missing(self) -> None:
        """A table without them would lose what was decided."""
        missing = sorted(self._entries.keys() - {film.name for film in self.films})
        path, inside = self.films[0]
        folder = str(path.parents[inside.count("/")])
        message = "is decided about in {}, but is not there; put it back, or give another --out"
        if missing:
            told = [f"{name}: {message.format(self._journal.path.name)}" for name in missing]
            more = [f"and {len(told) - SHOWN_MISSING} more"] * (len(told) > SHOWN_MISSING)
            raise UserError([Problem(folder, text) for text in (*told[:SHOWN_MISSING], *more)])

    def _image(self, number: int, told: FileResult) -> dict[str, Any]:
        name, answer = self.films[number].name, told.answer
        if answer is None:
            return {"number": number, "name": name, "reason": told.reason}
        doubt, entry = answer.prediction.doubt, self._entries.get(name)
        return {
            "number": number,
            "name": name,
            "size": answer.size,
            "rank": rank(answer, number),
            "doubt": None if math.isnan(doubt) else round(doubt, 4),
            "warnings": answer.warnings,
            "found": boxes_of(answer),
            "entry": None if entry is None else shown(entry),
        }


def shown(entry: Entry) -> dict[str, Any]:
    """An entry as the page takes it."""
    return entry.model_dump(include={"state", "boxes", "note", "revision"})


def boxes_of(answer: Answer) -> Boxes:
    """The model's boxes, rounded as a person sees them and as the table holds them."""
    return dict(_rounded(answer))


def _rounded(answer: Answer) -> Iterator[tuple[str, tuple[float, float, float, float]]]:
    height, width = answer.size
    for label, box in answer.prediction.boxes.items():
        x0, y0, x1, y1 = (round(edge, DIGITS) for edge in box.tolist())
        yield label, (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))


def rank(answer: Answer, number: int) -> tuple[float, float, int]:
    """A key that puts the most doubtful image first.

    Of equally doubtful ones, and where the model tells no doubt, the one with the widest standard
    deviation of an edge comes first, as a fraction of the image; then the files' order decides.
    """
    found = answer.prediction
    doubt = 0.0 if math.isnan(found.doubt) else found.doubt
    widest = max((float(spread.max()) for spread in found.spreads.values()), default=0.0)
    return -round(doubt, 4), -round(widest / max(answer.size), 6), number

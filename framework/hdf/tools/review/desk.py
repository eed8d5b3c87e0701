"""The state of a review: the model's answers, and the reviewer's decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from hdf.errors import Problem, UserError
from hdf.inference.answer import Answer
from hdf.inference.files import FileResult
from hdf.inference.sources import ImagePath
from hdf.tools.review.journal import Boxes, Change, Entry, Journal, fault_of
from hdf.tools.review.table import (
    edited,
    journal_path,
    refuse_tables,
    remove_leftovers,
    write_tables,
)

DIGITS = 2


class ConflictError(Exception):
    """The image was changed elsewhere in the meantime; `entry` is the current decision."""

    def __init__(self, entry: Entry | None) -> None:
        super().__init__("the image was changed elsewhere")
        self.entry = entry


class RefusedError(Exception):
    """A change that can't be kept, with the reason."""


class Desk:
    """All images of a review; safe to use from several threads.

    Attributes:
        films: the images, in natural order.
        labels: the labels that the model detects.
        problem: a message for the reviewer, such as that prediction has stopped; usually empty.

    Args:
        table: where the accepted boxes are written, with the journal beside it.

    Raises:
        UserError: the table or the journal belongs to something else, or can't be used.
    """

    def __init__(self, films: Sequence[ImagePath], labels: tuple[str, ...], table: Path) -> None:
        refuse_tables(table)
        self.films, self.labels, self.table = list(films), labels, table
        self.problem = ""
        self._results: dict[str, FileResult] = {}
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
        if self._entries:  # the process may have been killed between journal and table
            remove_leftovers(table)
            self.problem = self._write()

    def close(self) -> None:
        """Release the table for other processes."""
        self._journal.close()

    def add(self, result: FileResult) -> None:
        """Add the model's result for the next file, in the order of `films`."""
        with self._lock:
            self._results[self.films[len(self._results)].name] = result

    def images(self, after: int) -> dict[str, Any]:
        """The state for the page, as JSON: all predicted images but the first `after`."""
        with self._lock:
            return {
                "total": len(self.films),
                "predicted": len(self._results),
                "problem": self.problem,
                "images": [self._image(row) for row in range(after, len(self._results))],
            }

    def save(self, change: Change) -> tuple[int, str]:
        """Save a change, and rewrite the tables.

        Returns:
            The revision that it made, now or when it was first sent; and what went wrong besides,
            usually nothing: the change itself is saved.

        Raises:
            ConflictError: the image was changed since the page loaded it.
            RefusedError: the change is not valid.
            OSError: it can't be saved; nothing has changed.
        """
        with self._lock:
            if change.id in self._revisions:
                return self._revisions[change.id], ""
            entry = self._checked(change)
            self._journal.append(entry)
            self._entries[entry.name] = entry
            self._revisions[entry.id] = entry.revision
            return entry.revision, self._write()

    def counts(self) -> tuple[int, int]:
        """How many images are accepted, and how many are flagged."""
        with self._lock:
            states = [entry.state for entry in self._entries.values()]
        return states.count("accepted"), states.count("flagged")

    def _checked(self, change: Change) -> Entry:
        result = self._results.get(change.name)
        if result is None or (answer := result.answer) is None:
            raise RefusedError("there is no such image, or the model has not seen it yet")
        earlier = self._entries.get(change.name)
        if change.base != (earlier.revision if earlier else 0):
            raise ConflictError(earlier)
        labels = (*self.labels, *(earlier.boxes if earlier else ()))  # perhaps of another model
        if fault := fault_of(change, answer.size, labels):
            raise RefusedError(fault)
        return Entry(
            **change.model_dump(exclude={"base"}),
            revision=change.base + 1,
            size=answer.size,
            corrected=change.boxes != boxes_of(answer),
        )

    def _write(self) -> str:
        if changed := edited(self.table, self._ordered(), self._journal.written):
            return (
                f"{changed[0].name} was changed by another program and is left as it is; "
                f"{self._journal.path.name} holds all decisions"
            )
        try:
            self._journal.note(write_tables(self.table, self._ordered()))
        except OSError as error:
            return f"{self.table.name} can't be written: {error.strerror}"
        return ""

    def _ordered(self) -> list[Entry]:
        return [self._entries[film.name] for film in self.films if film.name in self._entries]

    def _refuse_edited(self) -> None:
        """Refuse edited tables, which would be overwritten from the journal."""
        text = (
            "was changed since hdf review wrote it, and would be overwritten from "
            f"{self._journal.path.name}; to keep it, rename it; to discard the changes, delete it; "
            "then start again"
        )
        if changed := edited(self.table, self._ordered(), self._journal.written):
            raise UserError([Problem(str(path), text) for path in changed])

    def _refuse_missing(self) -> None:
        """Refuse missing images: a table without them would lose decisions."""
        missing = sorted(self._entries.keys() - {film.name for film in self.films})
        path, inside = self.films[0]
        folder, journal = str(path.parents[inside.count("/")]), self._journal.path.name
        message = f"has a decision in {journal}, but is missing; put it back, or give another --out"
        if missing:
            raise UserError([Problem(folder, f"{name}: {message}") for name in missing])

    def _image(self, number: int) -> dict[str, Any]:
        name = self.films[number].name
        if (answer := self._results[name].answer) is None:
            return {"number": number, "name": name, "reason": self._results[name].reason}
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
    """An entry as the page expects it."""
    return entry.model_dump(include={"state", "boxes", "note", "revision"})


def boxes_of(answer: Answer) -> Boxes:
    """The model's boxes, rounded as in the page and in the table, inside the image."""
    height, width = map(float, answer.size)
    boxes = {}
    for label, box in answer.prediction.boxes.items():
        x0, y0, x1, y1 = (round(edge, DIGITS) for edge in box.tolist())
        boxes[label] = (max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height))
    return boxes


def rank(answer: Answer, number: int) -> tuple[float, float, int]:
    """A sort key: the highest novelty score first, then the largest spread of an edge as a fraction
    of the image, then the order of the files.
    """
    found = answer.prediction
    doubt = 0.0 if math.isnan(found.doubt) else found.doubt
    widest = max((float(spread.max()) for spread in found.spreads.values()), default=0.0)
    return -round(doubt, 4), -round(widest / max(answer.size), 6), number

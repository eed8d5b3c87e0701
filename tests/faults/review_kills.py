"""``hdf review`` killed while a person corrects: what was confirmed is kept."""

from __future__ import annotations

import csv
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.faults.outcome import Outcome
from tests.tools.review.serving import LABELS, SIZE, Served, change, films, wait_for

MODEL = "heart-lungs-phantom"
STATES = ("accepted", "accepted", "flagged", "open")
IMAGES = 6
EARLIEST, LATEST = 0.02, 0.5
"""Seconds of correcting after which the server is killed."""


@dataclass
class Person:
    """Corrects without a pause, as the page does: one change at a time, until it is confirmed.

    Attributes:
        confirmed: the last change of each image that the server has confirmed.
        under_way: what was sent and is not confirmed.
    """

    chance: random.Random
    confirmed: dict[str, dict[str, Any]] = field(default_factory=dict)
    under_way: dict[str, Any] | None = None
    wrong: list[str] = field(default_factory=list)

    def correct(self, server: Served, save: str) -> None:
        """Change one image after another until the server is gone."""
        try:
            while not self.wrong:
                self.send(server, save, self.under_way or self.next_change())
        except (OSError, HTTPException):
            return

    def next_change(self) -> dict[str, Any]:
        name = f"film-{self.chance.randrange(IMAGES)}.png"
        base = self.confirmed.get(name, {"revision": 0})["revision"]
        boxes = {label: self.box() for label in LABELS}
        return change(name, boxes=boxes, base=base, state=self.chance.choice(STATES))

    def box(self) -> list[float]:
        height, width = SIZE
        x, y = self.chance.uniform(0, width - 20), self.chance.uniform(0, height - 20)
        return [round(value, 2) for value in (x, y, x + 15, y + 12.5)]

    def send(self, server: Served, save: str, sent: dict[str, Any]) -> None:
        self.under_way = sent
        status, body, _ = server.ask(save, sent)
        expected = f'{{"revision":{sent["base"] + 1},"warning":""}}'
        if (status, body.decode()) != (200, expected):
            self.wrong.append(f"{status} for a change: {body.decode()[:200]}")
        self.confirmed[sent["name"]] = {**sent, "revision": sent["base"] + 1}
        self.under_way = None


def bench(count: int) -> Outcome:
    """Kill a server `count` times at chance moments of one long review."""
    outcome = Outcome()
    person = Person(random.Random(0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        films(folder / "films", IMAGES)
        port = _free_port()
        for number in range(count):
            with reviewing(folder, port) as (process, server, token):
                again = person.under_way is not None
                wrong = _compare(person, server, token)
                thread = threading.Thread(target=person.correct, args=(server, f"/{token}/save"))
                thread.start()
                time.sleep(person.chance.uniform(EARLIEST, LATEST))
                process.kill()
                thread.join()
            _note(outcome, number, again, [*wrong, *_torn(folder), *person.wrong])
            person.wrong.clear()
        with reviewing(folder, port) as (_, server, token):
            for line in [*_compare(person, server, token), *_table_differs(folder, server, token)]:
                outcome.badly(f"in the end: {line}")
    kept = sum(item["revision"] for item in person.confirmed.values())
    outcome.counts["corrections kept"] = kept
    return outcome


def _note(outcome: Outcome, number: int, again: bool, wrong: list[str]) -> None:
    if wrong:
        outcome.badly(f"kill {number}: {'; '.join(wrong)}")
    else:
        outcome.well("began with a change sent again" if again else "began with all confirmed")


def _compare(person: Person, server: Served, token: str) -> list[str]:
    """What the server has lost, or made up; then the change under way is sent again."""
    held = _entries(server, token)
    wrong = []
    for name, kept in person.confirmed.items():
        sent = person.under_way
        fits = _same(held.get(name), kept, kept["revision"])
        arrived = sent is not None and sent["name"] == name
        if not fits and not (arrived and _same(held.get(name), sent, kept["revision"] + 1)):
            wrong.append(f"{name}: confirmed {kept['revision']}, held {held.get(name)}")
    if person.under_way is not None:
        person.send(server, f"/{token}/save", person.under_way)
    return wrong


def _same(entry: Any, sent: Any, revision: int) -> bool:
    keys = ("state", "boxes", "note")
    return bool(
        entry
        and entry["revision"] == revision
        and [entry[key] for key in keys] == [sent[key] for key in keys]
    )


def _entries(server: Served, token: str) -> dict[str, Any]:
    told = server.below(token, "images/0")
    return {image["name"]: image["entry"] for image in told["images"]}


def _torn(folder: Path) -> Iterator[str]:
    """After a kill the table is an older one or the newest, and whole."""
    path = folder / "films-corrections.csv"
    if not path.exists():
        return
    rows = list(csv.reader(path.read_text().splitlines(keepends=True)))
    if any(len(row) != len(rows[0]) for row in rows) or len(rows) % len(LABELS) != 1:
        yield f"the table is torn: {rows[-1]}"


def _table_differs(folder: Path, server: Served, token: str) -> Iterator[str]:
    held = _entries(server, token)
    with (folder / "films-corrections.csv").open() as file:
        rows = [(row["name"], row["label"], float(row["x0"])) for row in csv.DictReader(file)]
    accepted = [(name, item) for name, item in held.items() if item and item["state"] == "accepted"]
    expected = [
        (name, label, box[0]) for name, item in accepted for label, box in item["boxes"].items()
    ]
    if sorted(rows) != sorted(expected):
        yield f"the table is not the journal's: {rows}"


@contextmanager
def reviewing(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], Served, str]]:
    """``hdf review`` as a process, all images predicted; and its token."""
    command = (sys.executable, "-m", "hdf", "review", MODEL, "films")
    with subprocess.Popen(
        [*command, "--port", str(port), "--no-browser"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            token = process.stdout.readline().strip().split("/")[3]
            server = Served(port)
            wait_for(lambda: server.below(token, "images/0")["predicted"] == IMAGES, 120)
            yield process, server, token
        finally:
            process.kill()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])

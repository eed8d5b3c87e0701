"""What is decided survives: torn journals, tables of somebody else's, two reviews at once."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from hdf.errors import UserError
from hdf.inference.sources import find_images
from hdf.tools.review import table as tables
from hdf.tools.review.desk import Desk
from hdf.tools.review.journal import HEADER, Change, Journal
from hdf.tools.review.table import images_to_review
from tests.dicom_files import write_dicom
from tests.tools.review.serving import FOUND, LABELS, change, films, told


def desk(tmp_path: Path, out: str = "out.csv") -> Desk:
    made = Desk(images_to_review(tmp_path / "films"), LABELS, tmp_path / out)
    for item in told(made.films):
        made.add(item)
    return made


def save(to: Desk, name: str, **values: object) -> None:
    to.save(Change.model_validate_json(json.dumps(change(name, **values))))


def decided(journal: Path) -> list[bytes]:
    """The journal's lines about images."""
    return [line for line in journal.read_bytes().splitlines() if b'"id"' in line]


def test_a_file_system_that_syncs_no_folder_takes_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", fsync)
    Journal(tmp_path / "out.journal.jsonl").close()
    assert (tmp_path / "out.journal.jsonl").read_bytes() == HEADER


@pytest.fixture
def reviewed(tmp_path: Path) -> Path:
    """The journal of two accepted images and a flagged one."""
    films(tmp_path / "films")
    first = desk(tmp_path)
    for number, state in enumerate(("accepted", "accepted", "flagged")):
        save(first, f"film-{number}.png", state=state)
    first.close()
    return tmp_path / "out.journal.jsonl"


def test_a_review_goes_on_where_it_was(reviewed: Path, tmp_path: Path) -> None:
    again = desk(tmp_path)
    assert again.counts() == (2, 1)
    states = [(i["entry"] or {}).get("state") for i in again.images(0)["images"]]
    assert states == ["accepted", "accepted", "flagged", None]
    save(again, "film-2.png", base=1)
    again.close()
    assert "film-2.png" in (tmp_path / "out.csv").read_text()
    assert (tmp_path / "out.flagged.csv").read_text() == "name,note\n"


def test_a_torn_last_line_is_dropped_wherever_it_is_torn(reviewed: Path, tmp_path: Path) -> None:
    whole = b"".join(reviewed.read_bytes().splitlines(keepends=True)[:-1])  # killed at the third
    last = whole[:-1].rfind(b"\n") + 1
    for end in (last, last + 1, (last + len(whole)) // 2, len(whole) - 1):
        reviewed.write_bytes(whole[:end])
        (tmp_path / "out.flagged.csv").unlink(missing_ok=True)
        again = desk(tmp_path)
        assert again.counts() == (2, 0)
        save(again, "film-3.png")
        again.close()
        assert reviewed.read_bytes().startswith(whole[:last])
        assert len(decided(reviewed)) == 3
        (tmp_path / "out.csv").unlink()
    reviewed.write_bytes(whole[:last] + b"\0" * 20 + b"\n")
    again = desk(tmp_path)
    assert again.counts() == (2, 0)
    again.close()


@pytest.mark.parametrize("length", [0, 1, len(HEADER) - 1])
def test_a_journal_whose_beginning_is_torn_begins_anew(tmp_path: Path, length: int) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(HEADER[:length])
    journal = Journal(path)
    assert journal.entries == []
    journal.close()
    assert path.read_bytes() == HEADER


def test_damage_in_the_middle_is_told(reviewed: Path, tmp_path: Path) -> None:
    lines = reviewed.read_bytes().splitlines(keepends=True)
    reviewed.write_bytes(b"".join([*lines[:2], b"{}\n", *lines[2:]]))
    with pytest.raises(UserError, match=r"out\.journal\.jsonl:3: this line is damaged"):
        desk(tmp_path)
    assert len(reviewed.read_bytes().splitlines()) == len(lines) + 1


def test_a_table_that_a_kill_kept_from_being_written_is_written(
    reviewed: Path, tmp_path: Path
) -> None:
    table = (tmp_path / "out.csv").read_text()
    (tmp_path / "out.csv").unlink()
    (tmp_path / ".out.csv.77.tmp").write_text("half of")
    desk(tmp_path).close()
    assert (tmp_path / "out.csv").read_text() == table
    assert not list(tmp_path.glob(".out*"))


EDITS = {
    "a number": (".csv", lambda text: text.replace("60,50,50", "61,50,50")),
    "the last image": (".csv", lambda text: "".join(text.splitlines(keepends=True)[:-3])),
    "another image": (".csv", lambda text: text + "film-3.png,heart,1,1,9,9,160,120,accepted\n"),
    "a note": (".flagged.csv", lambda text: text.replace(",\n", ",rotated\n")),
    "other bytes": (".csv", lambda text: text + "\udcff"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_what_was_changed_in_a_table_by_hand_is_not_overwritten(
    reviewed: Path, tmp_path: Path, edit: tuple[str, Callable[[str], str]]
) -> None:
    suffix, change_of = edit
    table = tmp_path / f"out{suffix}"
    kept = table.read_bytes()
    edited = change_of(kept.decode()).encode(errors="surrogateescape")
    assert edited != kept
    table.write_bytes(edited)
    for _ in range(2):
        with pytest.raises(UserError, match="was changed since hdf review wrote it") as caught:
            desk(tmp_path)
        assert table.name in str(caught.value)
        assert table.read_bytes() == edited
    table.rename(tmp_path / "mine.csv")
    desk(tmp_path).close()
    assert table.read_bytes() == kept


def test_a_table_that_another_program_has_only_saved_is_no_other(
    reviewed: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([head, *reversed(rows)]))
    again = desk(tmp_path)
    save(again, "film-3.png")
    again.close()
    assert "film-3.png" in table.read_text()


def test_a_table_that_is_changed_during_the_review_is_kept(reviewed: Path, tmp_path: Path) -> None:
    again = desk(tmp_path)
    table = tmp_path / "out.csv"
    table.write_text(table.read_text() + "mine\n")
    _, warning = again.save(Change.model_validate_json(json.dumps(change("film-3.png"))))
    assert "out.csv was changed by another program and is left as it is" in warning
    assert table.read_text().endswith("mine\n")
    table.rename(tmp_path / "mine.csv")
    save(again, "film-2.png", base=1)
    again.close()
    assert "film-3.png" in table.read_text() and len(decided(reviewed)) == 5


@pytest.mark.parametrize("noted", [True, False])
def test_tables_as_a_kill_or_a_full_disk_leaves_them_are_no_others(
    reviewed: Path, tmp_path: Path, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    again = desk(tmp_path)
    place = (Journal, "note") if noted else (tables, "write_table")
    with monkeypatch.context() as patch:
        patch.setattr(*place, full)
        save(again, "film-3.png")
    if not noted:
        save(again, "film-2.png", base=1)
    again.close()
    again = desk(tmp_path)
    assert again.problem == "" and "film-3.png" in (tmp_path / "out.csv").read_text()
    again.close()


def test_two_reviews_of_one_table_are_refused(reviewed: Path, tmp_path: Path) -> None:
    first = desk(tmp_path)
    with pytest.raises(UserError, match="another hdf review has this table open"):
        desk(tmp_path)
    first.close()
    desk(tmp_path).close()


def test_a_file_system_without_locks_is_no_mistake(
    reviewed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, operation: int) -> NoReturn:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    desk(tmp_path).close()


@pytest.mark.parametrize("name", ["out.csv", "out.flagged.csv", "out.journal.jsonl"])
@pytest.mark.parametrize("text", ["", "name,label,x0,y0,w,h\n", "precious"])
def test_what_it_did_not_write_is_kept(tmp_path: Path, name: str, text: str) -> None:
    films(tmp_path / "films")
    (tmp_path / name).write_text(text)
    if (name, text) == ("out.journal.jsonl", ""):
        desk(tmp_path).close()
        return
    with pytest.raises(UserError, match="give another --out"):
        desk(tmp_path)
    assert (tmp_path / name).read_text() == text


def test_a_table_whose_journal_is_gone_is_kept(reviewed: Path, tmp_path: Path) -> None:
    reviewed.unlink()
    with pytest.raises(UserError, match=r"with a out\.journal\.jsonl beside it"):
        desk(tmp_path)


def test_images_that_are_gone_are_told(reviewed: Path, tmp_path: Path) -> None:
    (tmp_path / "films" / "film-1.png").unlink()
    before = (tmp_path / "out.csv").read_text()
    with pytest.raises(UserError, match=r"film-1\.png: has a decision in out\.journal\.jsonl"):
        desk(tmp_path)
    assert (tmp_path / "out.csv").read_text() == before
    films(tmp_path / "films")
    desk(tmp_path).close()


def test_an_out_in_no_folder_is_told(tmp_path: Path) -> None:
    films(tmp_path / "films")
    with pytest.raises(UserError, match="is no folder that can be written into"):
        desk(tmp_path, "nowhere/out.csv")


def test_another_models_boxes_stay(reviewed: Path, tmp_path: Path) -> None:
    again = Desk(images_to_review(tmp_path / "films"), ("heart",), tmp_path / "out.csv")
    for item in told(again.films):
        again.add(item)
    save(again, "film-0.png", base=1, note="seen", id=uuid4().hex, boxes=FOUND)
    again.close()
    assert "film-0.png,left_lung" in (tmp_path / "out.csv").read_text()


def test_films_are_those_that_prediction_finds(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    films(folder, 11)
    for other in (".hidden.png", "notes.txt", "no-dicom"):
        (folder / other).write_text("")
    films(folder / "ward b" / "1", 1)
    films(folder / ".cache", 1)
    pixels = np.zeros((8, 8), np.uint16)
    for name in ("1.2.840.113", "ward b/IM0001"):
        write_dicom(folder / "dicom.dcm", pixels).rename(folder / name)
    said: list[str] = []
    found = images_to_review(folder, said.append)
    assert said == ["passed over 4 files that are no images: 2 hidden, 1 without a suffix, 1 .txt"]
    assert [film.name for film in found] == [
        *("1.2.840.113", *(f"film-{n}.png" for n in range(11))),
        *("ward b/IM0001", "ward b/1/film-0.png"),
    ]
    assert [film.path for film in found] == [image.path for image in find_images([folder])]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("film-3.npy", "another image has this stem, too"),
        ("film-3.png.npy", "another image has this stem, too"),
        ("film-3", "another image has this stem, too"),
        ("ward/film.npy", "another image has this stem, too"),
        (" film.npy", "no table can hold this name"),
        ("ward/fi\nlm", "no table can hold this name"),
        ("ward/fi\udcfflm", "no table can hold this name"),
    ],
)
def test_films_that_a_table_can_t_name_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    films(tmp_path, 4)
    (tmp_path / "ward").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "ward" / "film.png")
    write_dicom(tmp_path / "dicom.dcm", np.zeros((8, 8), np.uint16)).rename(tmp_path / name)
    with pytest.raises(UserError, match=reason):
        images_to_review(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        images_to_review(tmp_path / "none")
    with pytest.raises(UserError, match="file and no DICOM under another name"):
        images_to_review(tmp_path)

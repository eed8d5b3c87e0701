"""What is decided survives: torn journals, tables of somebody else's, two reviews at once."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from hdf.errors import UserError
from hdf.review.desk import Desk
from hdf.review.entries import Change
from hdf.review.films import find_films
from hdf.review.journal import HEADER, Journal
from tests.review.serving import FOUND, LABELS, change, films, told


def desk(tmp_path: Path, out: str = "out.csv") -> Desk:
    made = Desk(find_films(tmp_path / "films"), LABELS, tmp_path / out)
    for item in told(made.films):
        made.tell(item)
    return made


def save(to: Desk, name: str, **values: object) -> None:
    to.save(Change.model_validate_json(json.dumps(change(name, **values))))


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
    whole = reviewed.read_bytes()
    last = whole[:-1].rfind(b"\n") + 1
    for end in (last, last + 1, (last + len(whole)) // 2, len(whole) - 1):
        reviewed.write_bytes(whole[:end])
        again = desk(tmp_path)
        assert again.counts() == (2, 0)
        save(again, "film-3.png")
        again.close()
        assert reviewed.read_bytes().startswith(whole[:last])
        assert len(reviewed.read_bytes().splitlines()) == 4
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
    with pytest.raises(UserError, match=r"out\.journal\.jsonl:3: is damaged here"):
        desk(tmp_path)
    assert len(reviewed.read_bytes().splitlines()) == 5


def test_a_table_that_a_kill_kept_from_being_written_is_written(
    reviewed: Path, tmp_path: Path
) -> None:
    table = (tmp_path / "out.csv").read_text()
    (tmp_path / "out.csv").unlink()
    (tmp_path / ".out.csv.77.tmp").write_text("half of")
    desk(tmp_path).close()
    assert (tmp_path / "out.csv").read_text() == table
    assert not list(tmp_path.glob(".out*"))


def test_two_reviews_of_one_table_are_refused(reviewed: Path, tmp_path: Path) -> None:
    first = desk(tmp_path)
    with pytest.raises(UserError, match="another hdf review has this table open"):
        desk(tmp_path)
    first.close()
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
    with pytest.raises(UserError, match=r"film-1\.png: is decided about in out\.journal\.jsonl"):
        desk(tmp_path)
    assert (tmp_path / "out.csv").read_text() == before
    films(tmp_path / "films")
    desk(tmp_path).close()


def test_an_out_in_no_folder_is_told(tmp_path: Path) -> None:
    films(tmp_path / "films")
    with pytest.raises(UserError, match="is no folder that can be written into"):
        desk(tmp_path, "nowhere/out.csv")


def test_another_models_boxes_stay(reviewed: Path, tmp_path: Path) -> None:
    again = Desk(find_films(tmp_path / "films"), ("heart",), tmp_path / "out.csv")
    for item in told(again.films):
        again.tell(item)
    save(again, "film-0.png", base=1, note="seen", id=uuid4().hex, boxes=FOUND)
    again.close()
    assert "film-0.png,left_lung" in (tmp_path / "out.csv").read_text()


def test_films_are_those_that_the_loader_finds(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    films(folder, 11)
    for other in (".hidden.png", "notes.txt", "1.2.840"):
        (folder / other).write_text("")
    films(folder / "below", 1)
    assert [path.name for path in find_films(folder)] == [f"film-{n}.png" for n in range(11)]
    (folder / "film-3.npy").write_text("")
    with pytest.raises(UserError, match="another image has this stem, too"):
        find_films(folder)
    (folder / "film-3.npy").rename(folder / " film.npy")
    with pytest.raises(UserError, match="no table can hold this name"):
        find_films(folder)
    with pytest.raises(UserError, match="there is no such folder"):
        find_films(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="file; sub-folders are not searched"):
        find_films(tmp_path / "empty")

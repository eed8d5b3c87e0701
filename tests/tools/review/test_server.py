"""What the server of ``hdf review`` answers, and to whom."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("starlette", reason="the extra review is not installed")
pytest.importorskip("uvicorn", reason="the extra review is not installed")

from hdf.errors import UserError
from hdf.files.atomic import write_text
from hdf.images import read_image
from hdf.report.films import encoded
from hdf.tools.review import table as tables
from hdf.tools.review.app import Pictures, make_app
from hdf.tools.review.desk import Desk
from hdf.tools.review.serve import is_loopback, make_server, open_socket
from tests.tools.review.serving import FOUND, LABELS, TOKEN, Served, change, films, served, told


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(films(tmp_path / "films"), LABELS, tmp_path / "out.csv")
    for item in told(made.films):
        made.add(item)
    yield made
    made.close()


@pytest.fixture
def server(desk: Desk) -> Iterator[Served]:
    with served(desk) as running:
        yield running


def test_images_come_with_what_puts_the_most_doubtful_first(server: Served) -> None:
    status, answer = server.json("images/0")
    assert (status, answer["total"], answer["predicted"], answer["problem"]) == (200, 4, 4, "")
    ordered = sorted(answer["images"], key=lambda image: image["rank"])
    assert [image["name"] for image in ordered] == [f"film-{n}.png" for n in (3, 2, 1, 0)]
    assert ordered[0]["doubt"] > ordered[1]["doubt"]
    assert ordered[0]["found"] == FOUND and ordered[0]["entry"] is None
    assert [image["number"] for image in server.json("images/3")[1]["images"]] == [3]


def test_the_page_and_its_parts_are_served(server: Served) -> None:
    status, page, headers = server.ask(f"/{TOKEN}/")
    assert status == 200 and b"hdf is not a medical device" in page
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["cache-control"] == "no-store"
    for name in ("app.js", "style.css", "icon.svg"):
        assert server.ask(f"/{TOKEN}/page/{name}")[0] == 200
    for path in ("page/../app.py", "page/%2e%2e%2fapp.py", "page/nothing.js", "films/film-0.png"):
        assert server.ask(f"/{TOKEN}/{path}")[0] == 404
    assert server.json("about")[1]["ratio_labels"] == list(LABELS)


def test_a_picture_is_a_grey_jpeg_stretched_as_in_the_report(
    server: Served, tmp_path: Path
) -> None:
    status, body, headers = server.ask(f"/{TOKEN}/picture/2")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    with Image.open(BytesIO(body)) as picture:
        assert (picture.mode, picture.size) == ("L", (160, 120))
        shown = np.asarray(picture).astype(int)
    (data, _, _) = encoded(read_image(tmp_path / "films" / "film-2.png"))
    with Image.open(BytesIO(b64decode(data))) as picture:
        assert abs(np.asarray(picture) - shown).max() < 6
    assert (shown.min(), shown.max()) == (0, 255)
    assert server.ask(f"/{TOKEN}/picture/4")[0] == 404


@pytest.mark.parametrize("path", ["/", f"/{TOKEN[:-1]}/", "/0/images/0", f"/{TOKEN}x/save", "//"])
def test_without_the_token_there_is_nothing(server: Served, path: str) -> None:
    status, body, headers = server.ask(path)
    assert (status, body) == (404, b"Open the address that hdf review printed.")
    assert "content-security-policy" in headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "", "[::1"])
def test_a_host_of_another_name_is_refused(server: Served, host: str) -> None:
    assert server.ask(f"/{TOKEN}/images/0", Host=host)[0] in (400, 403)


def test_another_sites_page_can_change_nothing(server: Served, desk: Desk) -> None:
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{server.port + 1}", None):
        status, _, _ = server.ask(f"/{TOKEN}/save", change("film-0.png"), Origin=origin)
        assert status == 403
    assert server.ask(f"/{TOKEN}/images/0", Origin="http://evil.example")[0] == 403
    assert desk.counts() == (0, 0)


def test_a_change_is_in_journal_and_table_before_the_page_is_told(
    server: Served, tmp_path: Path
) -> None:
    moved = {**FOUND, "heart": [55.25, 50, 110, 90]}
    assert server.json("save", change("film-1.png", boxes=moved)) == (
        200,
        {"revision": 1, "warning": ""},
    )
    assert server.json("save", change("film-3.png"))[0] == 200
    assert server.json("save", change("film-2.png", state="flagged", note="rotated"))[0] == 200
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "name,label,x0,y0,w,h,img_shape_x,img_shape_y,review",
        "film-1.png,heart,55.25,50,54.75,40,160,120,corrected",
        "film-1.png,left_lung,90,20,50,80,160,120,corrected",
        "film-1.png,right_lung,20,20,50,80,160,120,corrected",
        "film-3.png,heart,60,50,50,40,160,120,accepted",
        "film-3.png,left_lung,90,20,50,80,160,120,accepted",
        "film-3.png,right_lung,20,20,50,80,160,120,accepted",
    ]
    assert (tmp_path / "out.flagged.csv").read_text() == "name,note\nfilm-2.png,rotated\n"
    lines = (tmp_path / "out.journal.jsonl").read_text().splitlines()
    assert len([line for line in lines if '"id"' in line]) == 3
    (entry,) = [i["entry"] for i in server.json("images/0")[1]["images"] if i["number"] == 1]
    assert entry == {"state": "accepted", "boxes": moved, "note": "", "revision": 1}


def test_a_change_that_is_taken_back_leaves_the_table(server: Served, tmp_path: Path) -> None:
    server.json("save", change("film-1.png", state="flagged"))
    server.json("save", change("film-1.png", base=1))
    server.json("save", change("film-1.png", base=2, state="open"))
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1
    assert (tmp_path / "out.flagged.csv").read_text() == "name,note\n"


def test_two_windows_do_not_overwrite_each_other(server: Served) -> None:
    first, second = change("film-1.png", note="mine"), change("film-1.png", note="yours")
    assert server.json("save", first)[0] == 200
    status, answer = server.json("save", second)
    assert (status, answer["entry"]["note"]) == (409, "mine")
    assert server.json("save", first) == (200, {"revision": 1, "warning": ""})  # sent again
    assert server.json("save", {**second, "base": 1})[1] == {"revision": 2, "warning": ""}
    assert server.json("save", first) == (200, {"revision": 1, "warning": ""})
    assert server.json("save", {**change("film-2.png"), "base": 1}) == (409, {"entry": None})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"name": "film-9.png"}, "there is no such image"),
        ({"name": "../out.csv"}, "there is no such image"),
        ({"boxes": {}}, "an accepted image needs a box"),
        ({"boxes": {"liver": [0, 0, 9, 9]}}, "the model has no label 'liver'"),
        ({"boxes": {"heart": [0, 0, 0.5, 9]}}, "the box of heart is too small"),
        ({"boxes": {"heart": [0, 0, 161, 9]}}, "the box of heart leaves the image"),
        ({"boxes": {"heart": [0, 0, 9]}}, "the change can't be read: boxes.heart"),
        ({"state": "done"}, "the change can't be read: state"),
        ({"note": "x" * 501}, "the change can't be read: note"),
        ({"id": "\n"}, "the change can't be read: id"),
        ({"more": 1}, "the change can't be read: more"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    server: Served, tmp_path: Path, values: dict[str, object], reason: str
) -> None:
    status, answer = server.json("save", {**change("film-1.png"), **values})
    assert status == 422
    assert answer["reason"].startswith(reason)
    assert not (tmp_path / "out.csv").exists()


def test_a_body_without_end_is_not_read(server: Served) -> None:
    assert server.ask(f"/{TOKEN}/save", b" " * 70_000)[0] == 413
    assert server.ask(f"/{TOKEN}/save", b"{")[0] == 422
    assert server.ask(f"/{TOKEN}/save", b'{"boxes": NaN}')[0] == 422


def test_a_full_disk_is_told_and_loses_nothing(
    server: Served, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    server.json("save", change("film-0.png"))
    before = (tmp_path / "out.journal.jsonl").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        status, answer = server.json("save", change("film-1.png"))
    assert (status, "No space left" in answer["reason"]) == (507, True)
    assert (tmp_path / "out.journal.jsonl").read_bytes() == before
    with monkeypatch.context() as patch:
        patch.setattr(tables, "write_table", full)
        status, answer = server.json("save", change("film-1.png"))
    assert status == 200 and "out.csv can't be written: No space left" in answer["warning"]
    assert server.json("save", change("film-2.png"))[1]["warning"] == ""
    assert "film-1.png" in (tmp_path / "out.csv").read_text()


def test_what_cannot_be_read_is_listed_with_its_reason(tmp_path: Path) -> None:
    made = films(tmp_path / "films", 2)
    made[0].path.write_text("no picture")
    desk = Desk(made, LABELS, tmp_path / "out.csv")
    for item in told(made):
        desk.add(item)
    broken, _ = desk.images(0)["images"]
    desk.close()
    assert broken["name"] == "film-0.png"
    assert broken["reason"].startswith("can't be read as a PNG image")
    assert str(tmp_path) not in json.dumps(broken)


def test_pictures_beyond_the_room_are_read_again(tmp_path: Path) -> None:
    paths = [film.path for film in films(tmp_path, 3)]
    pictures = Pictures(room=1)
    first = pictures.get(paths[0])
    assert pictures.get(paths[1]) != first
    assert pictures.get(paths[0]) == first
    paths[1].unlink()
    with pytest.raises(UserError):
        pictures.get(paths[1])
    roomy = Pictures()
    roomy.get(paths[0])
    write_text(paths[0], "no longer a picture")
    assert roomy.get(paths[0]) == first


def test_a_port_that_is_taken_is_told() -> None:
    with open_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(UserError, match=f"127.0.0.1:{port}: this port is in use; give another"):
            open_socket("127.0.0.1", port)
    with pytest.raises(UserError, match="no such host"):
        open_socket("no.such.host.invalid", 0)


def test_which_hosts_are_this_machine_alone() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("192.168.1.2")


@pytest.mark.parametrize(("host", "known"), [("192.168.1.2:8017", True), ("evil.example", False)])
def test_a_wildcard_answers_to_numbers_alone(desk: Desk, host: str, known: bool) -> None:
    guard = make_server(make_app(desk, Pictures()), "0.0.0.0", TOKEN).config.app
    assert guard._is_known(host) is known

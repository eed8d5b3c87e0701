"""A store on disk: resumed, checked, never loaded wrong; streamed and resident are the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hdf import Sample, Target, UserError
from hdf.data.batches import Batches
from hdf.data.decode import decode
from hdf.data.flat_file import ImageFile
from hdf.data.folder import StoreFolder
from hdf.data.store import ImageLine, Skipped, Store, build_store, fingerprint, read_into
from hdf.runtime import resources

SIZE = (16, 24)
COUNT = 7
SETTINGS = {"resize": "stretch"}
READ: list[str] = []


def grey(path: Path) -> Tensor:
    READ.append(path.stem)
    level = int(path.read_text())
    return torch.full((1, 32, 48), level / 255) * torch.linspace(0, 1, 48)


def samples(folder: Path, box: float = 40.0) -> list[Sample]:
    files = sorted(folder.glob("*.txt"))
    target = Target(torch.tensor([[2.0, 2, box, 20]]), ("heart",))
    return [Sample(file.stem, partial(grey, file), target, files=(file,)) for file in files]


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:04}.txt").write_text(str(100 + number))
    READ.clear()
    return folder


def prepared(path: Path, given: list[Sample]) -> tuple[Store, list[Skipped], int]:
    return read_into(StoreFolder(path, SIZE, SETTINGS).pixels, given, ("heart",), SIZE, "stretch")


def same_as_memory(store: Store, given: list[Sample]) -> bool:
    memory = build_store(given, ("heart",), SIZE, "stretch")
    every = torch.arange(len(given))
    return (
        torch.equal(store.images[every], memory.images[every])
        and torch.equal(store.targets.boxes, memory.targets.boxes)
        and store.geometry == memory.geometry
    )


def test_a_second_reading_decodes_nothing(originals: Path, tmp_path: Path) -> None:
    assert prepared(tmp_path / "store", samples(originals))[2] == 0
    READ.clear()
    store, skipped, reused = prepared(tmp_path / "store", samples(originals))
    assert (READ, skipped, reused) == ([], [], COUNT)
    assert same_as_memory(store, samples(originals))
    assert "radiographs" in (tmp_path / "store/CONTAINS_IMAGES.txt").read_text()


def test_a_mended_box_decodes_nothing(originals: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "store", samples(originals))
    READ.clear()
    store, _, _ = prepared(tmp_path / "store", samples(originals, box=30.0))
    assert READ == []
    assert store.originals[0].boxes.tolist() == [[2, 2, 30, 20]]


def test_a_changed_file_is_decoded_alone(originals: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "store", samples(originals))
    (originals / "0003.txt").write_text("7")
    READ.clear()
    store, _, reused = prepared(tmp_path / "store", samples(originals))
    assert (READ, reused) == (["0003"], COUNT - 1)
    assert same_as_memory(store, samples(originals))


def test_two_data_sets_of_the_same_names_share_a_store(originals: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for file in originals.iterdir():
        (other / file.name).write_text("30")
    for folder in (originals, other):
        prepared(tmp_path / "store", samples(folder))
    READ.clear()
    for folder in (originals, other):
        store, _, reused = prepared(tmp_path / "store", samples(folder))
        assert (READ, reused) == ([], COUNT)
        assert same_as_memory(store, samples(folder))
        READ.clear()


def cut_images(store: Path) -> None:
    os.truncate(store / "images.u8", SIZE[0] * SIZE[1] * 2 + 5)


def flip_a_bit(store: Path) -> None:
    pixels = bytearray((store / "images.u8").read_bytes())
    pixels[SIZE[0] * SIZE[1] * 3 + 9] ^= 4
    (store / "images.u8").write_bytes(pixels)


def cut_journal(store: Path) -> None:
    os.truncate(store / "journal.jsonl", (store / "journal.jsonl").stat().st_size - 30)


def spoil_journal(store: Path) -> None:
    lines = (store / "journal.jsonl").read_bytes().splitlines()
    lines[0], lines[1], lines[2] = b'{"index": true', b"\xff\xfe", b"[]"
    (store / "journal.jsonl").write_bytes(b"\n".join(lines))


def change_geometry(store: Path) -> None:
    text = (store / "journal.jsonl").read_text()
    (store / "journal.jsonl").write_text(text.replace("[32, 48]", "[32, 49]", 1))


def swap_slots(store: Path) -> None:
    text = (store / "journal.jsonl").read_text()
    (store / "journal.jsonl").write_text(text.replace('"index": 0', '"index": 1', 1))


def lose_images(store: Path) -> None:
    (store / "images.u8").unlink()


@pytest.mark.parametrize(
    ("damage", "lost"),
    [
        (cut_images, 5),
        (flip_a_bit, 1),
        (cut_journal, 1),
        (spoil_journal, 3),
        (change_geometry, 1),
        (swap_slots, 1),
        (lose_images, 7),
    ],
)
def test_what_is_damaged_is_decoded_again(
    originals: Path, tmp_path: Path, damage: object, lost: int
) -> None:
    prepared(tmp_path / "store", samples(originals))
    damage(tmp_path / "store")  # type: ignore[operator]
    READ.clear()
    store, _, reused = prepared(tmp_path / "store", samples(originals))
    assert (len(READ), reused) == (lost, COUNT - lost)
    assert same_as_memory(store, samples(originals))
    assert prepared(tmp_path / "store", samples(originals))[2] == COUNT


@pytest.mark.parametrize("header", ["{", "[]", '{"version": 0}'])
def test_another_or_a_damaged_header_is_refused(
    originals: Path, tmp_path: Path, header: str
) -> None:
    prepared(tmp_path / "store", samples(originals))
    (tmp_path / "store/header.json").write_text(header)
    with pytest.raises(UserError, match=r"header\.json: .*delete"):
        prepared(tmp_path / "store", samples(originals))


def test_a_store_of_another_size_is_refused(originals: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "store", samples(originals))
    with pytest.raises(UserError, match="another image_size, resize"):
        StoreFolder(tmp_path / "store", (8, 8), {"resize": "letterbox"})


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is no store and is not empty"):
        StoreFolder(tmp_path, SIZE, SETTINGS)
    assert list(tmp_path.iterdir()) == [tmp_path / "thesis.txt"]


def test_a_second_writer_waits_for_the_first(originals: Path, tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "store", SIZE, SETTINGS)
    with ThreadPoolExecutor(1) as pool, ExitStack() as first:
        add = first.enter_context(folder.pixels.adding())
        told = threading.Event()
        other = StoreFolder(tmp_path / "store", SIZE, SETTINGS)
        given = samples(originals)
        how = (given, ("heart",), SIZE, "stretch")
        other.pixels.on_wait = told.set
        second = pool.submit(read_into, other.pixels, *how)
        assert told.wait(30)
        for sample in given[:3]:
            image, geometry = decode(sample, SIZE, "stretch")
            mark = fingerprint(sample)
            line = ImageLine(id=sample.id, fingerprint=mark, geometry=geometry)
            add(line, image)
        READ.clear()
        first.close()
        store, _, _ = second.result(30)
    assert len(READ) == COUNT - 3  # what the first has added is not read again
    assert store is not None and same_as_memory(store, given)


def test_nothing_is_written_where_only_bad_samples_are_missing(
    originals: Path, tmp_path: Path
) -> None:
    prepared(tmp_path / "store", samples(originals))
    given = [*samples(originals), Sample.broken("x", "hearts.csv:9: no image")]
    folder = StoreFolder(tmp_path / "store", SIZE, SETTINGS)
    with folder.pixels.adding():
        store, skipped, reused = prepared(tmp_path / "store", given)
    assert (len(store), [id for id, _ in skipped], reused) == (COUNT, ["x"], COUNT)


def test_a_store_whose_making_was_killed_is_made(originals: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store/CONTAINS_IMAGES.txt").write_text("half")
    (tmp_path / "store/.header.json.77.tmp").write_text("{")
    assert prepared(tmp_path / "store", samples(originals))[2] == 0
    assert prepared(tmp_path / "store", samples(originals))[2] == COUNT


def test_bad_samples_are_listed_in_order_and_tried_again(originals: Path, tmp_path: Path) -> None:
    (originals / "0002.txt").write_text("no number")
    given = samples(originals)
    given[5] = Sample("0005", given[5].read, Target(torch.tensor([[0.0, 0, 99, 9]]), ("heart",)))
    _, skipped, _ = prepared(tmp_path / "store", given)
    assert [id for id, _ in skipped] == ["0002", "0005"]
    assert "reaches outside" in str(skipped[1][1])
    (originals / "0002.txt").write_text("50")
    assert prepared(tmp_path / "store", samples(originals))[1] == []


SLOW = """
import sys, time
from pathlib import Path
from tests.data import test_store_folder as given
quick = given.grey
def slow(path):
    time.sleep(0.02)
    return quick(path)
given.grey = slow
given.prepared(Path(sys.argv[2]), given.samples(Path(sys.argv[1])))
"""


def test_a_killed_process_loses_nothing_that_it_wrote_down(originals: Path, tmp_path: Path) -> None:
    count, journal = 200, tmp_path / "store/journal.jsonl"
    for number in range(count):
        (originals / f"{number:04}.txt").write_text(str(number))
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(originals), str(tmp_path / "store")]
    )
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > 3000):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    noted = {
        json.loads(line)["id"]
        for line in journal.read_bytes().splitlines(True)
        if line[-1:] == b"\n"
    }
    assert 0 < len(noted) < count
    READ.clear()
    store, _, reused = prepared(tmp_path / "store", samples(originals))
    assert reused >= len(noted)
    assert not noted & set(READ)
    assert len(set(READ)) == len(READ) == count - reused
    assert same_as_memory(store, samples(originals))


@pytest.fixture
def streamed(originals: Path, tmp_path: Path) -> Store:
    return prepared(tmp_path / "store", samples(originals))[0]


def test_streamed_and_resident_batches_are_the_same(
    streamed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = torch.device("cpu")
    resident = streamed.to(device)
    monkeypatch.setattr(resources, "available_bytes", lambda device: 0)
    assert isinstance(resident.images, Tensor)
    assert isinstance(streamed.to(device).images, ImageFile)
    index = [5, 0, 3, 1, 6]
    ours, theirs = (Batches(store, index, 2) for store in (streamed.to(device), resident))
    for orders in (("in_order",), ("shuffled", 3, 1)):
        name, *arguments = orders
        pairs = zip(getattr(ours, name)(*arguments), getattr(theirs, name)(*arguments), strict=True)
        for one, other in pairs:
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.targets.boxes, other.targets.boxes)
            assert torch.equal(one.index, other.index)


def test_a_file_cut_while_in_use_is_told(streamed: Store, tmp_path: Path) -> None:
    cut_images(tmp_path / "store")
    with pytest.raises(UserError, match="cut short"):
        list(Batches(streamed, range(COUNT), 2).in_order())


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"index": 1e400}', b"\xff", b"{}", b"null"])
def test_any_line_of_a_journal_may_be_damaged(originals: Path, tmp_path: Path, line: bytes) -> None:
    first, _, _ = prepared(tmp_path / "store", samples(originals))
    assert first is not None
    journal = tmp_path / "store" / "journal.jsonl"
    whole = journal.read_bytes()
    far = whole.splitlines()[2].replace(b'"index": 2', b'"index": ' + b"9" * 40)
    journal.write_bytes(line + b"\n" + far + b"\n" + b"\n".join(whole.splitlines()[3:]) + b"\n")
    again, bad, reused = prepared(tmp_path / "store", samples(originals))
    assert again is not None and not bad
    assert reused == COUNT - 3
    assert again.digest() == first.digest()


def test_a_header_of_nothing_but_brackets_is_refused(originals: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "store", samples(originals))
    (tmp_path / "store" / "header.json").write_bytes(b"[" * 100_000)
    with pytest.raises(UserError, match="header is damaged"):
        StoreFolder(tmp_path / "store", SIZE, SETTINGS)

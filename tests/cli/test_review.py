"""``hdf review`` as a user types it, and what becomes of its table."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from hdf.cli import main
from hdf.errors import UserError
from hdf.inference.load import load_predictor
from tests.dicom_files import SECRET_ID, SECRET_NAME, write_dicom
from tests.docs.documentation import named_blocks
from tests.tools.review.serving import FOUND, Fixed, Served, change, films, wait_for

MODEL = "heart-lungs-phantom"
RECIPE = """\
  image_size: [32, 32]
  split: {val: 0.5}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 1, batch_size: 4, precision: float32}
visualize: []
"""
"""What docs/review.md leaves out of its own."""


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("HDF_SALT", raising=False)
    monkeypatch.chdir(tmp_path)


def hdf(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main.hdf, [*map(str, arguments)])


@contextmanager
def review(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> Iterator[tuple[Served, str]]:
    """``hdf review`` with a model that always answers the same; a server and its token."""
    pytest.importorskip("starlette", reason="the extra review is not installed")
    import uvicorn

    from hdf.tools.review import serve

    made: list[uvicorn.Server] = []
    printed: list[str] = []
    result: list[Result] = []
    make, address_of = serve.make_server, serve.address_of
    monkeypatch.setattr("hdf.inference.load.load_predictor", lambda *_, **__: Fixed())
    monkeypatch.setattr(serve, "make_server", lambda *a: made.append(make(*a)) or made[-1])
    monkeypatch.setattr(
        serve, "address_of", lambda *a: printed.append(address_of(*a)) or printed[-1]
    )
    options = ("--port", "0", "--no-browser")
    thread = threading.Thread(
        target=lambda: result.append(hdf("review", MODEL, *arguments, *options))
    )
    thread.start()
    address = wait_for(lambda: made and made[0].started and printed[0])
    port, token = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/(\w+)/", address).groups()
    try:
        yield Served(int(port)), token
    finally:
        made[0].should_exit = True
        thread.join()
    assert result[0].exit_code == 0, result[0].output
    assert result[0].stdout == f"{address}\n"
    assert "hdf is not a medical device" in result[0].stderr


def save(server: Served, token: str, *names: str) -> None:
    wait_for(lambda: json.loads(server.ask(f"/{token}/images/0")[1])["predicted"] == 4)
    for name in names:
        status, body, _ = server.ask(f"/{token}/save", change(name))
        assert status == 200, body


def test_the_table_trains_the_next_run_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films(tmp_path / "films")
    with review(monkeypatch, "films") as (server, token):
        save(server, token, "film-0.png", "film-2.png", "film-3.png")
    recipe = named_blocks("review.md")["corrected.yaml"]
    (tmp_path / "corrected.yaml").write_text(recipe + RECIPE)
    assert hdf("check", "corrected.yaml").exit_code == 0
    audited = json.loads(hdf("audit", "corrected.yaml", "--json").stdout)
    assert not [item for item in audited["findings"] if item["kind"].startswith("box")], audited
    from hdf_plugins.loaders.csv_boxes import CsvBoxes

    samples = CsvBoxes(
        images=Path("films"), table=Path("films-corrections.csv"), unlisted="ignore"
    ).records()
    assert [(sample.id, sample.faults) for sample in samples] == [
        (f"film-{n}", ()) for n in (0, 2, 3)
    ]
    target = samples[0].target
    assert target is not None
    assert dict(zip(target.labels, target.boxes.tolist(), strict=True)) == FOUND
    trained = hdf("run", "corrected.yaml", "--out", "run")
    assert trained.exit_code == 0, (trained.output, trained.exception)


def test_folders_and_dicoms_without_a_suffix_come_back_from_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films(tmp_path / "films", 2)
    films(tmp_path / "films" / "ward, 1" / "old", 1)
    pixels = np.arange(120 * 160, dtype=np.uint16).reshape(120, 160)
    write_dicom(tmp_path / "films" / "a.dcm", pixels).rename(tmp_path / "films/ward, 1/IM.0017")
    names = ("film-0.png", "film-1.png", "ward, 1/IM.0017", "ward, 1/old/film-0.png")
    with review(monkeypatch, "films") as (server, token):
        save(server, token, *names[1:])
    (tmp_path / "corrected.yaml").write_text(named_blocks("review.md")["corrected.yaml"] + RECIPE)
    from hdf_plugins.loaders.csv_boxes import CsvBoxes

    samples = CsvBoxes(
        images=Path("films"), table=Path("films-corrections.csv"), unlisted="ignore"
    ).records()
    assert [(sample.id, sample.faults) for sample in samples] == [
        (name.removesuffix(".png"), ()) for name in names[1:]
    ]
    assert [sample.files for sample in samples] == [(Path("films", name),) for name in names[1:]]
    for sample in samples:
        assert sample.read().shape == (1, 120, 160) and sample.target is not None
        assert dict(zip(sample.target.labels, sample.target.boxes.tolist(), strict=True)) == FOUND
    trained = hdf("run", "corrected.yaml", "--out", "run")
    assert trained.exit_code == 0, (trained.output, trained.exception)


def test_the_address_stays_and_the_review_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films(tmp_path / "films")
    with review(monkeypatch, "films", "--out", "a.csv") as (server, first):
        save(server, first, "film-1.png")
    with review(monkeypatch, "films", "--out", "a.csv") as (server, second):
        wait_for(lambda: json.loads(server.ask(f"/{second}/images/0")[1])["predicted"] == 4)
        known = json.loads(server.ask(f"/{second}/images/1")[1])["images"][0]["entry"]
    with review(monkeypatch, "films", "--out", "b.csv") as (_, other):
        pass
    assert (first == second, first == other, known["state"]) == (True, False, "accepted")


def test_no_patient_gets_to_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "films").mkdir()
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    for number in range(3):
        write_dicom(tmp_path / "films" / f"{number}.dcm", pixels, ViewPosition="AP")
    (tmp_path / "films" / "3.dcm").write_bytes((tmp_path / "films" / "0.dcm").read_bytes()[:700])
    with review(monkeypatch, "films") as (server, token):
        save(server, token)
        text = server.ask(f"/{token}/images/0")[1].decode()
        text += server.ask(f"/{token}/picture/0")[1].decode("latin-1")
    assert "anteroposterior view" in text and '"reason"' in text
    for secret in (SECRET_ID, SECRET_NAME, "Secretperson", str(tmp_path)):
        assert secret not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((MODEL, "nowhere"), "nowhere: there is no such folder of images"),
        ((MODEL, "empty"), "empty: holds no .npy, "),
        (("hart", "films"), "hart: no shipped model has this name"),
        (
            (MODEL, "films", "--out", "there.csv"),
            "there.csv: exists, and was not",
        ),
        ((MODEL, "films", "--out", "no/t.csv"), "is no folder that can be written into"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    pytest.importorskip("starlette", reason="the extra review is not installed")
    films(tmp_path / "films", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.csv").write_text("mine")
    shown = hdf("review", *arguments, "--no-browser", "--port", "0")
    assert isinstance(shown.exception, UserError), shown.output
    assert message in str(shown.exception)
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="the extra review is not installed")
    films(tmp_path / "films", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = hdf("review", MODEL, "films", "--port", str(port))
    assert str(shown.exception).startswith(f"127.0.0.1:{port}: this port is in use; give another")


def test_misuse_is_told(tmp_path: Path) -> None:
    assert "does not end with .csv" in hdf("review", MODEL, "films", "--out", "t.json").stderr
    assert "Missing argument 'IMAGES'" in hdf("review", MODEL).stderr


def test_a_missing_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith(("hdf.tools.review", "starlette"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    shown = hdf("review", MODEL, "films")
    assert str(shown.exception) == (
        "starlette is not installed: pip install 'heart-detection-framework[review]'"
    )


def test_the_shipped_model_answers_in_the_background(tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="the extra review is not installed")
    from hdf.tools.review.app import Pictures, predicting
    from hdf.tools.review.desk import Desk
    from hdf.tools.review.table import images_to_review
    from hdf_plugins.loaders.phantom import read_image

    (tmp_path / "films").mkdir()
    for number in range(3):
        np.save(tmp_path / "films" / f"{number}.npy", read_image(0, number, (96, 96))[0].numpy())
    predictor = load_predictor(MODEL)
    desk = Desk(images_to_review(tmp_path / "films"), predictor.labels, tmp_path / "out.csv")
    counted: list[tuple[int, int]] = []
    threads = torch.get_num_threads()
    with predicting(predictor, desk, Pictures(), lambda *both: counted.append(both)) as thread:
        thread.join()
    told = desk.images(0)
    desk.close()
    assert counted == [(1, 3), (2, 3), (3, 3)]
    assert [set(image["found"]) for image in told["images"]] == [set(predictor.labels)] * 3
    assert torch.get_num_threads() == threads


def test_a_prediction_that_fails_is_told_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("starlette", reason="the extra review is not installed")
    from hdf.tools.review.app import Pictures, predicting
    from hdf.tools.review.desk import Desk

    class Broken(Fixed):
        def predict(self, images: object) -> list[object]:  # type: ignore[override]
            raise RuntimeError("out of memory")

    desk = Desk(films(tmp_path / "films"), Fixed.labels, tmp_path / "out.csv")
    with predicting(Broken(), desk, Pictures(), lambda *_: None) as thread:  # type: ignore[arg-type]
        thread.join()
    assert desk.images(0)["problem"].startswith("prediction has stopped with an error")
    assert "RuntimeError: out of memory" in capsys.readouterr().err
    desk.close()


def test_ctrl_c_ends_it_in_good_order(tmp_path: Path) -> None:
    films(tmp_path / "films", 1)
    command = (sys.executable, "-m", "hdf", "review", MODEL, "films")
    with subprocess.Popen(
        [*command, "--port", "0", "--no-browser"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        urlopen(address.strip(), timeout=60).close()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert address.startswith("http://127.0.0.1:")
    assert process.returncode == 0, errors
    assert "films-corrections.csv: 0 accepted, 0 flagged of 1 images" in errors

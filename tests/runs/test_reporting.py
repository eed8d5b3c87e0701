"""The run folder, whole files, tables, and what people see."""

from __future__ import annotations

import errno
import io
import json
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from hdf import Detections, Sample, Target, UserError
from hdf.console import progress
from hdf.console.progress import Reporter
from hdf.data.split import Split
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.metrics import match
from hdf.evaluation.tables import write_answers
from hdf.files.atomic import replacing, write_json, write_text
from hdf.runs.run_folder import RunFolder, choose_folder, write_split


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "first")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_a_read_only_disk_is_told_with_the_file_s_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OSError, match="Read-only") as caught:
        write_text(tmp_path / "recipe.yaml", "text")
    assert caught.value.filename == str(tmp_path / "recipe.yaml")


def test_json_is_strict(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not list(tmp_path.iterdir())


def test_runs_that_begin_together_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [choose_folder("name", None, overwrite=False) for _ in range(3)]
    for folder in folders:
        folder.path = folders[0].path  # as within one second
        assert not folder.figures.exists() or folder.path.exists()
        folder.create()
    assert len({folder.path for folder in folders}) == 3
    assert all(folder.status.exists() for folder in folders)
    assert {folder.path.parent for folder in folders} == {Path("runs/name")}


def test_of_two_runs_with_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    first, second = (choose_folder("name", tmp_path / "run", False) for _ in range(2))
    first.create()
    (first.path / "metrics.jsonl").write_text("{}")
    with pytest.raises(UserError, match="another run has begun there"):
        second.create()
    assert first.metrics.exists()


def test_a_run_that_goes_on_is_never_replaced(tmp_path: Path) -> None:
    first = choose_folder("name", tmp_path / "run", overwrite=False)
    first.create()
    second = choose_folder("name", tmp_path / "run", overwrite=True)
    with pytest.raises(UserError, match="another run has begun there"):
        second.create()
    with pytest.raises(UserError, match="still goes on in another process"):
        RunFolder(tmp_path / "run", resumes=True).take()
    assert first.status.exists()
    first.close()
    second.create()


def test_what_a_killed_process_had_begun_is_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.close()
    begun = [folder.path / ".status.json.17.tmp", folder.figures / ".a.png.17.tmp"]
    kept = [folder.path / "notes.tmp", folder.path / ".plugin.tmp"]
    for path in (*begun, *kept):
        path.touch()
    again = RunFolder(tmp_path / "run", resumes=True)
    again.create()
    again.close()
    assert not any(path.exists() for path in begun)
    assert all(path.exists() for path in kept)


def test_the_working_directory_may_be_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    choose_folder("name", Path(), overwrite=False).create()
    (tmp_path / "old.txt").write_text("old")
    choose_folder("name", Path(), overwrite=True).create()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures", "lock", "status.json"]


def test_a_run_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = choose_folder("name", out, overwrite=False)
    first.create()
    (out / "old.txt").write_text("old")
    with pytest.raises(UserError, match=r"holds a run \(running\).*--overwrite"):
        choose_folder("name", out, overwrite=False)
    first.close()
    with pytest.raises(UserError, match=r"holds a run \(killed\).*hdf run --resume"):
        choose_folder("name", out, overwrite=False, resumable=True)
    folder = choose_folder("name", out, overwrite=True)
    assert (out / "old.txt").exists()
    folder.create()
    assert not (out / "old.txt").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_peoples_files_are_never_removed(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds other files"):
        choose_folder("name", tmp_path, overwrite)
    with pytest.raises(UserError, match="is a file"):
        choose_folder("name", tmp_path / "thesis.tex", overwrite)


def test_tables(tmp_path: Path) -> None:
    samples = [Sample(name, lambda: torch.zeros(1, 2, 2), group="p", source="s") for name in "ab"]
    write_split(tmp_path / "split.csv", samples, Split([1], [0], []))
    assert (tmp_path / "split.csv").read_text() == (
        "image,group,source,split\na,p,s,val\nb,p,s,train\n"
    )
    box = torch.tensor([[0.0, 0, 10, 5.5]])
    detections = [Detections(box, torch.tensor([0]), torch.ones(1))] * 2
    none = Target(torch.zeros(0, 4), ())
    several = Target(torch.tensor([[50.0, 50, 60, 60], [0, 0, 10, 11]]), ("heart", "heart"))
    assert predictions(tmp_path, samples, [several, none], detections)[1].endswith("0,0,10,11,0.5")
    one = Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",))
    assert predictions(tmp_path, samples, [one, none], detections) == [
        "image,source,label,score,x0,y0,x1,y1,spread_x0,spread_y0,spread_x1,spread_y1,"
        "true_x0,true_y0,true_x1,true_y1,iou",
        "a,s,heart,1,0,0,10,5.5,,,,,0,0,10,10,0.550000012",
        "b,s,heart,1,0,0,10,5.5,,,,,,,,,",
    ]


def predictions(
    folder: Path, samples: list[Sample], targets: list[Target], detections: list[Detections]
) -> list[str]:
    """The lines of ``predictions.csv``."""
    matches = match(targets, detections, ("heart",))
    write_answers(folder, Comparison.of(samples, matches, matches, detections, ("heart",)))
    return (folder / "predictions.csv").read_text().splitlines()


METRICS = {"train_loss": 0.5, "val_loss": 0.4, "iou_mean": 0.71, "constant_box_iou": 0.65}


def train_for_show(console: Console) -> Reporter:
    reporter = Reporter(console)
    with reporter.training(epochs=1, steps=2) as display:
        display.start_epoch(1)
        display.step(1, torch.tensor(0.5), 4)
        time.sleep(0.01)
        display.step(2, torch.tensor(0.5), 4)
        display.end_epoch(METRICS, 1.0, 8.0)
        time.sleep(0.01)
        display.step(2, torch.tensor(0.5), 4)
    return reporter


def test_off_a_terminal_an_epoch_is_one_line() -> None:
    file = io.StringIO()
    train_for_show(Console(file=file, width=40))
    assert file.getvalue() == (
        "epoch 1/1  loss 0.5000  validation loss 0.4000  IoU 0.710 (constant box 0.650)"
        "  8 images/s  1.0 s\n"
    )


def test_an_epoch_without_validation_has_a_line_as_well() -> None:
    file = io.StringIO()
    with Reporter(Console(file=file, width=40)).training(epochs=2, steps=1) as display:
        display.start_epoch(1)
        display.end_epoch({"epoch": 1, "train_loss": 0.5}, 1.0, 8.0)
    assert file.getvalue() == "epoch 1/2  loss 0.5000  8 images/s  1.0 s\n"


def test_on_a_terminal_the_display_is_live() -> None:
    file = io.StringIO()
    train_for_show(Console(file=file, width=80, force_terminal=True))
    shown = file.getvalue()
    assert "epoch 1/1 batch 2/2 loss 0.5000 " in shown
    assert "images/s" in shown
    assert "IoU 0.710 (box 0.650)" in shown
    assert "…" not in shown


def test_the_log_holds_what_was_said_before_there_was_one(tmp_path: Path) -> None:
    reporter = Reporter(Console(file=io.StringIO()))
    reporter.say("early [bold]")
    reporter.log = tmp_path / "log.txt"
    reporter.say("late")
    assert reporter.log.read_text() == "early [bold]\nlate\n"


def test_status_is_json(tmp_path: Path) -> None:
    folder = choose_folder("name", tmp_path / "run", overwrite=False)
    folder.create()
    folder.set_status("failed", reason="why")
    status = json.loads(folder.status.read_text())
    assert (status["status"], status["reason"]) == ("failed", "why")


def test_off_a_terminal_counting_is_told_in_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    screen = io.StringIO()
    with Reporter(Console(file=screen, width=1000)).counting("reading images") as count:
        count(3, 9)
    assert screen.getvalue() == "reading images: 3 of 9\n"

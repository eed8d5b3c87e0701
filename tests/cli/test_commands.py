"""The commands as a user types them: output, exit codes, no tracebacks, quick starts."""

from __future__ import annotations

import errno
import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from hdf import __version__
from hdf.cli import main
from hdf.cli.main import NAMES
from hdf.cli.screen import show_error, show_table
from hdf.console.progress import Reporter
from hdf.errors import Problem, UserError
from tests.cli.calling import exit_code
from tests.conftest import Hdf

BROKEN = "import nonexistent_package\n"


def test_version_and_help(hdf: Hdf, hdf_process: Hdf) -> None:
    expected = f"hdf {__version__}\n"
    assert hdf_process("--version").stdout == hdf("--version").stdout == expected
    shown = hdf("--help").stdout
    assert "not a medical device" in shown
    for command in (
        "run",
        "crossval",
        "prepare",
        "audit",
        "preview",
        "check",
        "list-plugins",
        "recipes",
    ):
        assert command in shown
        assert hdf(command, "--help").returncode == 0


def test_names_that_are_not_utf_8_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / b"caf\xe9".decode("utf-8", "surrogateescape")
    printed = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(printed, encoding="utf-8")) as out:
        assert exit_code(monkeypatch, "recipes", "vgg16_mse", "--to", odd) == 0
        out.flush()
    assert printed.getvalue().endswith(b"/caf\\udce9/vgg16_mse.yaml\n")
    reporter = Reporter(Console(file=io.StringIO()))
    reporter.log = tmp_path / "log.txt"
    reporter.say(f"everything is in {odd}")
    assert reporter.log.read_text().endswith("/caf\\udce9\n")


def test_list_plugins_shows_every_kind_without_importing_torch(hdf_process: Hdf) -> None:
    shown = hdf_process("list-plugins", PYTHONPROFILEIMPORTTIME="1")
    assert shown.returncode == 0
    rows = [line.split()[:2] for line in shown.stdout.splitlines()]
    assert rows[0] == ["kind", "name"]
    for row in (["loader", "phantom"], ["augmentation", "affine"], ["backbone", "vgg16"]):
        assert row in rows
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "pluggy" in imported
    assert not imported & {"torch", "numpy", "pydantic", "kornia", "matplotlib"}


def test_list_plugins_of_one_kind(hdf: Hdf) -> None:
    rows = hdf("list-plugins", "--kind", "head").stdout.splitlines()[1:]
    assert rows
    assert all(row.startswith("head ") for row in rows)


def test_list_plugins_describes_one_component(hdf: Hdf) -> None:
    shown = hdf("list-plugins", "vgg16").stdout
    assert "kind: backbone" in shown
    assert "status: loaded" in shown
    assert ["batch_norm", "bool", "false"] in [line.split()[:3] for line in shown.splitlines()]


def test_list_plugins_as_json(hdf: Hdf) -> None:
    found = json.loads(hdf("list-plugins", "--json").stdout)
    by_name = {item["name"]: item for item in found}
    (count,) = [o for o in by_name["phantom"]["options"] if o["name"] == "count"]
    assert (count["type"], count["required"], count["default"]) == ("int", False, 300)
    assert count["meaning"].startswith("how many patients")
    assert all(item["status"] == "loaded" for item in found)
    assert all(item["summary"] and item["documentation"] for item in found)
    assert {"kind", "name", "summary", "distribution", "version", "status"} <= set(found[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg61"], "no component is called 'vgg61'; did you mean 'vgg1"),
        (["--kind", "hed"], "no kind is called 'hed'; did you mean 'head'?"),
        (["--plugins-dir", "nowhere"], "the plugins folder does not exist"),
    ],
)
def test_list_plugins_explains_mistakes(hdf: Hdf, arguments: list[str], message: str) -> None:
    shown = hdf("list-plugins", *arguments)
    assert shown.returncode == 2
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_broken_plugin_is_a_row(hdf: Hdf, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text(BROKEN)
    shown = hdf("list-plugins", "--plugins-dir", "plugins")
    assert shown.returncode == 0
    assert "failed: ModuleNotFoundError: No module named 'nonexistent_package'" in shown.stdout
    found = json.loads(hdf("list-plugins", "--json", "--plugins-dir", "plugins").stdout)
    assert [item["name"] for item in found if item["kind"] == "plugin"] == ["bad"]


def test_check_prints_the_resolved_recipe(hdf: Hdf, tiny_recipe: Path) -> None:
    shown = hdf("check", tiny_recipe, "train.epochs=7")
    assert shown.returncode == 0
    assert "epochs: 7" in shown.stdout
    assert "in order" in shown.stderr
    (tiny_recipe.parent / "again.yaml").write_text(shown.stdout)
    assert hdf("check", "again.yaml").stdout == shown.stdout


def test_check_builds_what_reads_no_data(hdf: Hdf, tiny_recipe: Path) -> None:
    shown = hdf("check", tiny_recipe, "data.loader.count=0", "augment=[{use: affine, degrees: -4}]")
    assert shown.returncode == 2
    assert len(shown.stderr.splitlines()) == 2


def test_check_tells_all_mistakes(hdf: Hdf, tiny_recipe: Path) -> None:
    shown = hdf("check", tiny_recipe, "trian.epochs=7", "train.epochs=x")
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert len(shown.stderr.splitlines()) == 2
    assert all(line.startswith("error: command line: ") for line in shown.stderr.splitlines())


def test_a_mistake_in_yaml_is_told_without_torch(hdf_process: Hdf, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    shown = hdf_process("run", "bad.yaml", PYTHONPROFILEIMPORTTIME="1")
    assert shown.returncode == 2
    assert "error: bad.yaml:2: not valid YAML" in shown.stderr
    assert " torch" not in shown.stderr


def test_recipes_are_listed_and_copied(hdf: Hdf, tmp_path: Path) -> None:
    shown = hdf("recipes").stdout
    assert "vgg16_mse" in shown
    assert hdf("recipes", "vgg16_mse", "--to", "mine").returncode == 0
    assert (tmp_path / "mine" / "vgg16_mse.yaml").read_text().startswith("# hdf run recipes/vgg16")
    again = hdf("recipes", "vgg16_mse", "--to", "mine")
    assert again.returncode == 2
    assert "--overwrite replaces it" in again.stderr
    assert hdf("recipes", "vgg16_mse", "--to", "mine", "--overwrite").returncode == 0
    unknown = hdf("recipes", "vgg16_mes")
    assert unknown.returncode == 2
    assert "there are: " in unknown.stderr


def test_a_packaged_recipe_runs_by_its_name(hdf: Hdf) -> None:
    assert "name: vgg16_mse" in hdf("check", "vgg16_mse").stdout


def test_run_off_a_terminal(hdf: Hdf, tiny_recipe: Path, tmp_path: Path) -> None:
    shown = hdf("run", tiny_recipe, "--out", "out", "train.epochs=1")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == ""
    lines = shown.stderr.splitlines()
    assert lines[0] == "device cpu, precision float32: as the recipe says"
    assert lines[1] == "10 images: 8 to train, 2 to validate"
    assert re.fullmatch(r"IoU 0\.\d{3} before the first step", lines[2])
    assert lines[3].startswith("epoch 1/1  loss ")
    assert lines[4].endswith(
        "report.html: contains images of the data set; treat it as you treat them"
    )
    assert "constant box" in lines[5]
    assert lines[-1] == "For research only: hdf is not a medical device."
    assert "\x1b" not in shown.stderr
    again = hdf("run", tiny_recipe, "--out", "out")
    assert again.returncode == 2
    assert "holds a run (finished); give another folder, or --overwrite" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["missing.yaml"],
            "error: missing.yaml: can't be read: no such file, and no packaged recipe",
        ),
        (["recipes/vgg16_mes.yaml"], "is called so; did you mean 'vgg16_mse'?"),
        (["tiny.yaml", "data.loader.count=0"], "count"),
        (["tiny.yaml", "--out", "tiny.yaml"], "is a file; --out names a folder"),
        (["tiny.yaml", "train.epochs"], "an override is key.path=value"),
        (["tiny.yaml", "--outt", "x"], "No such option"),
    ],
)
def test_run_explains_mistakes(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    before = sorted(tmp_path.iterdir())
    shown = hdf("run", *arguments)
    assert shown.returncode == 2
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_faults_of_a_table_are_told_at_once_and_a_hundred_at_most(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    rows = "".join(f"heart,1,1,5,5,none{n}\n" for n in range(150))
    (tmp_path / "hearts.csv").write_text("label,x0,y0,w,h,name\n" + rows)
    (tmp_path / "images" / "lonely.npy").write_bytes(b"")
    shown = hdf(
        "run", tiny_recipe, "data.loader={use: csv_boxes, images: images, table: hearts.csv}"
    )
    assert shown.returncode == 2
    lines = [line for line in shown.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 100
    assert "... and 51 more" in shown.stderr
    assert "error: hearts.csv:2: there is no image 'none0'" in shown.stderr
    assert not (tmp_path / "runs").exists()


def test_a_plugins_own_traceback_is_shown_where_it_is_used(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "lazy.py").write_text(
        "import hdf\n"
        "@hdf.hookimpl\ndef hdf_heads(register): register('lazy', 'nonexistent_package:Head')\n"
    )
    unused = hdf("check", tiny_recipe, "--plugins-dir", "plugins")
    assert unused.returncode == 0
    used = hdf("check", tiny_recipe, "model.head={use: lazy}", "--plugins-dir", "plugins")
    assert used.returncode == 2
    assert "Traceback" in used.stderr
    assert "head 'lazy' of lazy.py can't be imported: ModuleNotFoundError" in used.stderr


def test_the_installed_command_is_there() -> None:
    command = Path(sys.executable).with_name("hdf")
    assert command.exists(), "install the package first: pip install -e '.[test]'"


def test_two_processes_give_the_same_run(
    hdf_process: Hdf, tiny_recipe: Path, tmp_path: Path
) -> None:
    change = "train.precision=auto"
    for out in ("first", "second"):
        shown = hdf_process("run", tiny_recipe, "--out", out, change, OMP_NUM_THREADS="2")
        assert shown.returncode == 0, shown.stderr
    for file in ("metrics.jsonl", "best.safetensors", "predictions.csv"):
        first, second = (tmp_path / out / file for out in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()


def test_a_full_disk_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(**options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/x")

    monkeypatch.setattr(main, "hdf", full)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: runs/x: No space left on device\n"


def test_control_characters_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(UserError(Problem("\x1b[31mred.png", "a\nb")))
    assert capsys.readouterr().err == "error: \\x1b[31mred.png: a\\nb\n"
    show_table(("name",), [("\x1b[1mx",)])
    assert capsys.readouterr().out == "name\n\\x1b[1mx\n"


def test_no_summary_of_a_command_is_cut() -> None:
    shown = CliRunner().invoke(main.hdf, ["--help"], terminal_width=80)
    assert "..." not in shown.output.partition("Commands:")[2]


def test_a_command_that_is_not_there_is_told_with_the_closest(hdf: Hdf) -> None:
    shown = hdf("list-plugin")
    assert shown.returncode == 2
    assert "there is no command 'list-plugin'; did you mean 'list-plugins'?" in shown.stderr


def test_no_other_command_is_imported() -> None:
    script = (
        "import sys; from hdf.cli.main import hdf; hdf(['recipes'], standalone_mode=False);"
        "print(*(name for name in sys.modules if name.startswith('hdf.cli.')))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    imported = set(done.stdout.splitlines()[-1].split())
    commands = {f"hdf.cli.{name.replace('-', '_')}" for name in NAMES}
    assert imported & commands == {"hdf.cli.recipes"}

"""The example package, as if it were installed, passes its own tests against this hdf."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "docs" / "examples" / "hdf-dicom-sr"


def test_its_own_tests_pass(tmp_path: Path) -> None:
    pytest.importorskip("highdicom", reason="the example package needs highdicom")
    facts = tmp_path / "site" / "hdf_dicom_sr-0.1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hdf-dicom-sr\nVersion: 0.1.0\n")
    (facts / "entry_points.txt").write_text("[hdf]\ndicom_sr = hdf_dicom_sr\n")
    paths = [str(facts.parent), str(PACKAGE), os.environ.get("PYTHONPATH", "")]
    options = ["-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "its")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(PACKAGE)],
        cwd=PACKAGE,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_its_entry_point_names_its_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (module,) = project["entry-points"]["hdf"].values()
    text = (PACKAGE / module / "__init__.py").read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(PACKAGE)
    components: list[str] = []
    __import__(module).hdf_visualizers(lambda name, target, summary: components.append(name))
    assert components == ["dicom_sr"]
    assert "@hdf.hookimpl" in text

"""Names that disks and tables hardly take."""

from __future__ import annotations

import os
from pathlib import Path

from hdf.files import group_of, utf8_name
from hdf.files.atomic import write_json, write_table, write_text

ODD = os.fsdecode(b"films/caf\xe9.png")  # Latin-1


def test_a_name_that_is_not_utf8_has_one_form_everywhere(tmp_path: Path) -> None:
    assert utf8_name(ODD) == "films/caf\\udce9.png"
    assert utf8_name(Path("films/café.png")) == "films/café.png"
    write_table(tmp_path / "table.csv", ["image"], [[ODD]])
    assert (tmp_path / "table.csv").read_text("utf-8") == "image\nfilms/caf\\udce9.png\n"
    write_text(tmp_path / "page.html", f"<p>{ODD}</p>")
    assert "caf\\udce9" in (tmp_path / "page.html").read_text("utf-8")
    write_json(tmp_path / "answers.json", [ODD])
    assert "caf\\udce9" in (tmp_path / "answers.json").read_text("utf-8")


def test_a_patient_s_name_that_is_not_utf8_has_a_group() -> None:
    assert group_of(os.fsdecode(b"M\xfcller")) != group_of("Muller")


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".txt")  # 254 bytes
    write_text(path, "whole")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]

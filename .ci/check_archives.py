"""Hold a wheel and a source archive to the sources that they were built from.

python .ci/check_archives.py SOURCES FOLDER_OF_ARCHIVES
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

from packaging.metadata import Metadata

MAX_BYTES = 45_000_000
HOMES = {"framework/hdf": "hdf", "plugins/hdf_plugins": "hdf_plugins", "recipes": "hdf/recipes"}
"""The folders of the sources that are in the wheel, and where."""

FACTS = ("METADATA", "RECORD", "WHEEL", "entry_points.txt")
Files = dict[str, bytes]


def check(sources: Path, archives: Path) -> str:
    """What was found, in one line; an `AssertionError` says what is wrong."""
    (wheel,) = archives.glob("*.whl")
    (archive,) = archives.glob("*.tar.gz")
    content = in_wheel(wheel)
    facts = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info/"
    metadata = Metadata.from_email(content[f"{facts}METADATA"], validate=True)
    named = f"{metadata.name.replace('-', '_')}-{metadata.version}.dist-info/"
    assert named == facts, f"{wheel.name} is {metadata.name} {metadata.version}"
    assert metadata.license_expression == "Apache-2.0", metadata.license_expression
    assert metadata.description == (sources / "README.md").read_text(encoding="utf-8")
    expected = {f"{facts}{name}": content.get(f"{facts}{name}", b"") for name in FACTS}
    expected[f"{facts}licenses/LICENSE"] = (sources / "LICENSE").read_bytes()
    for folder, home in HOMES.items():
        expected |= {f"{home}/{name}": data for name, data in below(sources / folder).items()}
    compare(wheel, content, expected)
    compare(archive, in_archive(archive), below(sources))
    size = wheel.stat().st_size
    assert size <= MAX_BYTES, f"{wheel.name} has {size:,} bytes, more than {MAX_BYTES:,}"
    return f"{wheel.name}: {len(content)} files, {size / 1e6:.1f} MB; {archive.name}: in order"


def below(folder: Path) -> Files:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def in_wheel(path: Path) -> Files:
    with ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def in_archive(path: Path) -> Files:
    """The files below the archive's one folder, but for the metadata that it adds."""
    with tarfile.open(path) as archive:
        files = {
            member.name.partition("/")[2]: archive.extractfile(member)
            for member in archive
            if member.isfile()
        }
        return {name: file.read() for name, file in files.items() if file and name != "PKG-INFO"}


def compare(archive: Path, found: Files, expected: Files) -> None:
    missing, excess = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    assert not missing, f"{archive.name} lacks {', '.join(missing)}"
    assert not excess, f"{archive.name} should not hold {', '.join(excess)}"
    other = sorted(name for name in expected if found[name] != expected[name])
    assert not other, f"{archive.name} holds another {', '.join(other)}"


if __name__ == "__main__":
    print(check(Path(sys.argv[1]), Path(sys.argv[2])))

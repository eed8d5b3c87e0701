"""hdf doctor finds what is wrong, says what to do, and names nobody."""

from __future__ import annotations

import getpass
import json
import platform
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hdf import __version__
from hdf.cli.main import hdf
from hdf.registry.registry import Registry
from hdf.tools.doctor import installation, machine
from hdf.tools.doctor.machine import Check
from tests.cli.test_prepare import stores


def asked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(hdf, ["doctor", *map(str, arguments)])


def findings(result: Result) -> dict[str, dict[str, Any]]:
    """By section and name."""
    found = json.loads(result.stdout)["findings"]
    return {f"{item['section']}/{item['name']}": item for item in found}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a cache and a working directory of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HDF_CACHE", "XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_this_machine_has_what_hdf_needs(place: Path) -> None:
    result = asked()
    assert result.exit_code == 0
    assert result.stdout.endswith("\nnothing that hdf needs is broken\n")
    assert f"heart-detection-framework {__version__}" in result.stdout
    assert {line for line in result.stdout.splitlines() if line and line[0] != " "} >= {
        *("versions", "extras", "devices", "machine", "room", "dicom", "weights", "plugins"),
    }


def test_json_holds_the_same(place: Path) -> None:
    found = findings(asked("--json"))
    assert found["versions/hdf"]["value"] == __version__
    assert found["devices/cpu"]["value"].split(":")[0] in ("bfloat16", "float32")
    assert found["dicom/JPEG-LS Lossless Image Compression"]["value"] == "pyjpegls"
    assert int(found["machine/cores"]["value"]) >= 1
    assert all(item["advice"] for item in found.values() if item["state"] != "ok")


def test_all_is_looked_at(place: Path) -> None:
    """The findings that a release had are in those that follow."""
    found: dict[str, set[str]] = {}
    for item in json.loads(asked("--json").stdout)["findings"]:
        found.setdefault(item["section"], set()).add(item["name"])
    packages = (
        "torch torchvision numpy packaging kornia pluggy rich pyyaml matplotlib pydantic click"
    )
    others = "typing-extensions safetensors pillow scipy jinja2 pycocotools pydicom"
    assert found["versions"] >= {"hdf", "python", "system", *packages.split(), *others.split()}
    assert found["extras"] >= {"timm", "onnx", "explain", "tensorboard", "review"}
    assert found["devices"] >= {"cpu"}
    assert found["machine"] >= {"cores", "load", "memory"}
    assert found["room"] == {"runs folder", "cache folder", "cached images"}
    assert found["weights"] == {"cache", "ImageNet, not there"}
    assert found["plugins"] == {"builtin"}


def test_weights_are_those_that_torchvision_names(registry: Registry) -> None:
    from torchvision.models import get_model_weights, list_models

    known = set(list_models())
    names = [item.name for item in registry.of_kind("backbone") if item.name in known]
    urls = {name: get_model_weights(name)["IMAGENET1K_V1"].url for name in names}
    assert len(names) == 8
    assert {name: installation.weight_files()[name] for name in names} == {
        name: url.rpartition("/")[2] for name, url in urls.items()
    }


def test_a_torchvision_for_another_torch_is_broken(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(f"{path.name}: undefined symbol")

    monkeypatch.setattr("torch.ops.load_library", refuse)
    found = findings(asked("--json"))
    assert found["weights/weights"]["state"] == "broken"
    assert "undefined symbol" in found["weights/weights"]["value"]


def test_nobody_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "jane")
    monkeypatch.setattr(platform, "node", lambda: "ward7.example")
    monkeypatch.setenv("HDF_CACHE", "/scratch/jane/ward7.example/cache")
    (place / "broken.py").write_text(f"raise OSError({str(place / 'licence')!r})\n")
    text = asked("--plugins-dir", place).stdout + asked("--json", "--plugins-dir", place).stdout
    assert not [name for name in ("jane", "ward7", str(place)) if name in text]
    assert "/scratch/USER/HOST/cache" in text and "OSError: ~/licence" in text


def test_a_plugin_that_fails_is_a_note(place: Path) -> None:
    (place / "broken.py").write_text("import nowhere\n")
    (place / "half.py").write_text(
        "import hdf\n\n@hdf.hookimpl\ndef hdf_heads(register):\n"
        "    register('gone', 'nowhere:Gone')\n    register('mask', 'nowhere:Mask')\n"
    )
    result = asked("--json", "--plugins-dir", place)
    found = findings(result)
    assert found["plugins/broken"]["state"] == found["plugins/head gone"]["state"] == "note"
    assert "ModuleNotFoundError: No module named 'nowhere'" in found["plugins/broken"]["value"]
    assert "HDF_DISABLE_PLUGINS" in found["plugins/broken"]["advice"]
    assert (
        found["plugins/half"]["value"]
        == "half.py: 0 of 2 components can be used, plugin interface 1"
    )
    everything = json.loads(result.stdout)["findings"]
    built_in, other = (item for item in everything if item["name"] == "head mask")
    assert (built_in["state"], other["state"]) == ("broken", "note")
    assert built_in["value"].startswith("conflict: head 'mask' is registered 2 times")
    assert result.exit_code == 1


def test_without_the_built_in_components_hdf_is_broken(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF_DISABLE_PLUGINS", "builtin")
    result = asked()
    assert result.exit_code == 1
    assert "-> pip install heart-detection-framework; look at HDF_DISABLE_PLUGINS" in result.stdout
    assert result.stdout.endswith("\n1 broken\n")


def test_packages_that_are_missing_or_old(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("timm", "rich"):
            raise PackageNotFoundError(name)
        return "1.0" if name == "torch" else "999"

    monkeypatch.setattr(installation, "version", version)
    found = {item.name: item for item in [*installation.versions(), *installation.extras()]}
    assert found["rich"].state == "broken" and found["rich"].value == "missing"
    assert found["torch"].value == "1.0, not >=2.9"
    assert found["torch"].advice == "hdf needs it: pip install 'torch>=2.9'"
    assert found["numpy"].state == "ok"
    assert found["timm"].state == "note"
    assert found["timm"].advice.endswith("pip install 'heart-detection-framework[timm]'")


def test_an_extra_is_what_it_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["pluggy>=1.5; python_version > '3'", "rich>=13.7; extra == 'timm'"]
    monkeypatch.setattr(installation, "requires", lambda name: needed)
    found = {item.name: item.value for item in [*installation.versions(), *installation.extras()]}
    assert "pluggy" in found and "rich" not in found
    assert found["timm"].split()[0] == "rich" and "pluggy" not in found["timm"]


def test_a_section_that_fails_leaves_the_others(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> list[Check]:
        raise RuntimeError("driver too old")

    monkeypatch.setattr("hdf.tools.doctor.devices", fail)
    result = asked("--json")
    found = findings(result)
    assert found["devices/devices"]["state"] == "broken"
    assert "RuntimeError: driver too old" in found["devices/devices"]["value"]
    assert "plugins/builtin" in found and result.exit_code == 1


def test_a_decoder_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ["gdcm - requires gdcm>=3.0.10", "b - requires b>=2 and c>=3"]
    decoder = SimpleNamespace(
        is_available=False, available_plugins=(), missing_dependencies=missing
    )
    monkeypatch.setattr("pydicom.pixels.decoders.base.get_decoder", lambda uid: decoder)
    first = next(iter(installation.decoders()))
    assert (first.state, first.value) == ("note", "no decoder")
    assert first.advice == "convert such files, or install python-gdcm>=3.0.10, or b>=2 and c>=3"


@pytest.mark.parametrize(
    ("missing", "value", "packages"),
    [
        (["pyjpegls - requires numpy and pyjpegls>=1.2"], "pyjpegls", "pyjpegls"),
        (
            ["pylibjpeg - requires pylibjpeg>=2.0 and pylibjpeg-openjpeg>=2.0"],
            "pylibjpeg or pylibjpeg-openjpeg",
            "pylibjpeg pylibjpeg-openjpeg",
        ),
    ],
)
def test_a_decoder_of_its_own_that_fails_is_broken(
    monkeypatch: pytest.MonkeyPatch, missing: list[str], value: str, packages: str
) -> None:
    needed = ["numpy", "pyjpegls>=1.5", "pylibjpeg>=2.0.1", "pylibjpeg-openjpeg>=2.4"]
    monkeypatch.setattr(installation, "requires", lambda name: needed)
    missing.insert(0, "gdcm - requires gdcm>=3.0.10")
    decoder = SimpleNamespace(
        is_available=False, available_plugins=(), missing_dependencies=missing
    )
    monkeypatch.setattr("pydicom.pixels.decoders.base.get_decoder", lambda uid: decoder)
    first = next(iter(installation.decoders()))
    assert (first.state, first.value) == ("broken", f"{value} can't be imported")
    assert first.advice.endswith(f"pip install --force-reinstall --no-deps {packages}")


def test_without_pydicom_hdf_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydicom", None)
    (found,) = installation.decoders()
    assert (found.name, found.state) == ("pydicom", "broken")
    assert found.advice.endswith("pip install --force-reinstall --no-deps pydicom")


def test_no_decoder_under_the_gpl_is_advised() -> None:
    assert not [found for found in installation.decoders() if "pylibjpeg-libjpeg" in found.advice]


@pytest.mark.parametrize(
    ("load", "everywhere", "state", "threads"),
    [(0.2, 4, "ok", ""), (60.0, 64, "ok", ""), (1.5, 4, "note", "=2"), (9.0, 4, "note", "=1")],
)
def test_cores_that_others_keep_busy(
    load: float, everywhere: int, state: str, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: everywhere)
    monkeypatch.setattr("hdf.runtime.resources.cores", lambda: 4)
    found = next(item for item in machine.processor() if item.name == "load")
    assert found.state == state
    assert found.advice.endswith(f"OMP_NUM_THREADS{threads}" if threads else "")


def test_every_transfer_syntax_that_pydicom_decodes_is_looked_at() -> None:
    from pydicom.pixels.decoders import base

    known = [syntax.name for syntax in base._PIXEL_DATA_DECODERS]
    assert len(known) >= 16
    assert sorted(found.name for found in installation.decoders()) == sorted(known)


def test_weights_in_the_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(place / "torch"))
    folder = place / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "vgg16-397923af.pth").touch()
    found = findings(asked("--json"))
    assert found["weights/ImageNet, there"]["value"] == "vgg16"
    assert "resnet18" in found["weights/ImageNet, not there"]["value"]


@pytest.mark.parametrize(
    ("free", "runs", "cache"),
    [(machine.GIB // 100, "broken", "note"), (machine.GIB, "note", "note"), (10**12, "ok", "ok")],
)
def test_room(
    place: Path, monkeypatch: pytest.MonkeyPatch, free: int, runs: str, cache: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    found = {item.name: item.state for item in machine.room()}
    assert found == {"runs folder": runs, "cache folder": cache, "cached images": "ok"}


def test_the_stores_in_the_cache(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_CACHE", str(place / "cache"))
    stores(place / "cache" / "stores")
    found = next(item for item in machine.room() if item.name == "cached images")
    assert (found.state, found.value) == (
        "note",
        "6 stores, 0.0 GiB; hdf prepare --prune removes old ones, now 4",
    )


def test_a_folder_that_can_not_be_written(place: Path) -> None:
    (place / "runs").write_text("a file")
    found = {item.name: item for item in machine.room()}
    assert found["runs folder"].state == "broken"
    assert found["runs folder"].value == "runs can't be written"

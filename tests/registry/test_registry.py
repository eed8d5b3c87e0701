"""Discovery, isolation of broken plugins, names claimed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdf import hookspecs, testing, types
from hdf.errors import UserError
from hdf.registry.kinds import EXTENSION_POINTS
from hdf.registry.registry import discover

GOOD = """
import hdf

class Empty:
    "No samples at all."
    def records(self):
        return []

@hdf.hookimpl
def hdf_loaders(register):
    register("empty", Empty, summary="Nothing")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.py").write_text(GOOD)
    return tmp_path


def test_builtin_components_come_through_the_entry_point() -> None:
    registry = discover()
    found = {(c.kind, c.name) for c in registry.components}
    assert {("backbone", "vgg16"), ("head", "box_regression"), ("loader", "phantom")} <= found
    assert {c.plugin.distribution for c in registry.components} == {"heart-detection-framework"}


def test_a_folder_of_files_is_loaded(folder: Path) -> None:
    component = discover(folder).find("loader", "empty")
    assert component.status == "registered"
    assert component.load()().records() == []  # type: ignore[attr-defined]
    assert component.status == "loaded"
    assert component.provider == "good.py"


def test_a_missing_folder_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="plugins folder does not exist"):
        discover(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import nonexistent_package", "ModuleNotFoundError: No module named"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('no licence')", "SystemExit: no licence"),
        ("import hdf\n@hdf.hookimpl\ndef hdf_backbnes(register): pass", "unknown hook"),
        ("import hdf\n@hdf.hookimpl\ndef hdf_heads(registry): pass", "found in the hookspec"),
        ("import hdf\n@hdf.hookimpl\ndef hdf_heads(register): 1 / 0", "ZeroDivisionError"),
        ("hdf_api = '2'", "written for version 2 of hdf's plugin interface, and hdf"),
        ("def hdf_heads(register): pass", "hdf_heads lacks the decorator @hdf.hookimpl"),
        ("import hdf\n@hdf.hookimpl\ndef hdf_heads(register): register('x', 'nocolon')", "nocolon"),
    ],
)
def test_a_broken_plugin_costs_only_itself(folder: Path, source: str, reason: str) -> None:
    (folder / "bad.py").write_text(source)
    registry = discover(folder)
    (bad,) = [plugin for plugin in registry.plugins if plugin.name == "bad"]
    assert reason in bad.error
    assert "\n" not in bad.error
    assert registry.find("loader", "empty")
    assert not [c for c in registry.components if c.plugin is bad]


def test_the_version_of_the_interface_may_be_stated(folder: Path) -> None:
    (folder / "stated.py").write_text("hdf_api = '1'\n" + GOOD.replace('"empty"', '"stated"'))
    (folder / "later.py").write_text("hdf_api = '2'\n" + GOOD.replace('"empty"', '"later"'))
    registry = discover(folder)
    assert registry.find("loader", "stated").plugin.api == "1"
    assert registry.find("loader", "empty").plugin.api == "1"
    with pytest.raises(UserError, match=r"no loader .*'later'.* later .*install a version of the"):
        registry.find("loader", "later")
    (later,) = [plugin for plugin in registry.plugins if plugin.name == "later"]
    assert later.api == "2"


def test_every_hook_belongs_to_an_extension_point() -> None:
    hooks = [hook for point in EXTENSION_POINTS for hook in point.hooks]
    assert sorted(hooks) == sorted(name for name in vars(hookspecs) if name.startswith("hdf_"))
    for point in EXTENSION_POINTS:
        assert hasattr(types, point.protocol)
        assert hasattr(testing, point.check) or not point.check


def test_what_a_failing_plugin_registered_first_is_dropped(folder: Path) -> None:
    (folder / "half.py").write_text(
        "import hdf\n"
        "@hdf.hookimpl\ndef hdf_loaders(register): register('half', 'a:b')\n"
        "@hdf.hookimpl\ndef hdf_heads(register): raise RuntimeError('late')\n"
    )
    with pytest.raises(UserError, match=r"no loader is called 'half'.*half \(RuntimeError: late\)"):
        discover(folder).find("loader", "half")


def test_an_import_error_appears_where_the_component_is_used(folder: Path) -> None:
    (folder / "lazy.py").write_text(
        "import hdf\n@hdf.hookimpl\ndef hdf_heads(register): register('lazy', 'no_such_mod:X')\n"
    )
    component = discover(folder).find("head", "lazy")
    with pytest.raises(UserError, match=r"head 'lazy' of .*lazy\.py can't be imported") as caught:
        component.load()
    assert "ModuleNotFoundError" in caught.value.traceback
    assert component.status.startswith("failed: ModuleNotFoundError")


def test_two_providers_of_one_name_are_both_named(folder: Path) -> None:
    (folder / "twin.py").write_text(GOOD)
    registry = discover(folder)
    with pytest.raises(UserError, match=r"'empty' is registered 2 times, by .*good.*twin"):
        registry.find("loader", "empty")
    statuses = [c.status for c in registry.components if c.name == "empty"]
    assert len(statuses) == 2
    assert all(status.startswith("conflict: ") for status in statuses)
    assert registry.find("loader", "phantom")


def test_plugins_can_be_switched_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_DISABLE_PLUGINS", "builtin, other")
    registry = discover(folder)
    assert [c.name for c in registry.components] == ["empty"]


def test_plugins_can_be_traced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HDF_TRACE_PLUGINS", "1")
    discover(folder)
    assert "hdf_loaders" in capsys.readouterr().err


def test_a_close_name_is_suggested() -> None:
    with pytest.raises(UserError, match="no backbone is called 'vgg61'; did you mean 'vgg1"):
        discover().find("backbone", "vgg61")


def test_hook_implementers_are_listed(folder: Path) -> None:
    registry = discover(folder)
    assert len(registry.implementers("hdf_loaders")) == 2
    assert len(registry.implementers("hdf_run_started")) == 1  # the tracker that comes with hdf


def test_a_conflict_stays_a_conflict_when_it_is_looked_at(folder: Path) -> None:
    (folder / "twin.py").write_text(GOOD)
    for component in discover(folder).components:
        if component.name == "empty":
            component.load()
            assert component.status.startswith("conflict: ")


def test_a_target_must_be_a_class_or_a_function(folder: Path) -> None:
    (folder / "odd.py").write_text(
        "import hdf\n@hdf.hookimpl\ndef hdf_heads(register): register('odd', 'math:pi')\n"
    )
    with pytest.raises(UserError, match="math:pi is a float, not a class or a function"):
        discover(folder).find("head", "odd").load()


def test_no_folder_of_plugins_is_found_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("plugins", "hdf_plugins", "."):
        (tmp_path / name).mkdir(exist_ok=True)
        code = f"import pathlib\npathlib.Path({str(tmp_path / 'sung')!r}).touch()\n"
        (tmp_path / name / "stranger.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HDF_PLUGINS_DIR", str(tmp_path))
    assert not {"stranger", "stranger.py"} & {plugin.distribution for plugin in discover().plugins}
    assert not (tmp_path / "sung").exists()
    discover(tmp_path)
    assert (tmp_path / "sung").exists()

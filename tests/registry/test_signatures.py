"""Signatures read from source are those of the components, or are left to an import."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hdf.registry.options import Options
from hdf.registry.registry import discover
from hdf.registry.signatures import Signature, stated_signature

NAMES = (f"plain_source_{number}" for number in count())
HEAD = """\
from __future__ import annotations
from pathlib import Path
from typing import Annotated, Literal, TYPE_CHECKING
from pydantic import Field
from torch import nn
from hdf.types import Loader
Mode = Literal["a", "b"]
SIZE: tuple[int, int] = (2, 3)
"""


def facts(signature: Signature) -> Any:
    return [
        (name, item.kind, item.default, repr(signature.hints.get(name)))
        for name, item in signature.parameters.items()
    ]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a module of a new name that has not been imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        name = next(NAMES)
        (tmp_path / f"{name}.py").write_text(HEAD + text)
        return name

    return write


def test_every_built_in_component_is_read_as_it_is() -> None:
    for component in discover().components:
        assert isinstance(component.target, str)
        stated = stated_signature(component.target)
        assert stated is not None, component.title
        own = Signature.of(component.load())
        assert facts(stated) == facts(own), component.title
        kind = component.kind
        assert Options(stated, kind).describe() == Options(own, kind).describe()


def test_to_read_them_imports_no_torch() -> None:
    script = (
        "import sys, hdf.registry.options; from hdf.registry.registry import discover\n"
        "from hdf.registry.signatures import stated_signature\n"
        "assert all(stated_signature(item.target) for item in discover().components)\n"
        "assert not {'torch', 'kornia', 'numpy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    "text",
    [
        "def X(a: int, b: Mode = 'a', /, *c: str, d: Path | None = None, **e: float): ...",
        "def X(*, size: tuple[int, int] = SIZE, rate: Annotated[float, Field(gt=0)] = 1.0): ...",
        "def X(*, source: Loader, sources: dict[str, Loader], plain: 'list[int]' = [1]): ...",
        "class X:\n    def __init__(self, labels: tuple[str, ...], *, count: int = -1): ...",
        "class X(nn.Module):\n    pass",
        "class Base(nn.Module):\n    def __init__(self, a: float): ...\nclass X(Base):\n    pass",
        "from kornia.augmentation import IntensityAugmentationBase2D as Base\n"
        "class X(Base):\n    def __init__(self, *, p: float = 0.5): ...",
        "import typing\ndef X(*, mode: typing.Literal[1, 2] = 1): ...",
    ],
)
def test_plain_source_says_what_an_import_says(text: str, module: Any) -> None:
    name = module(text)
    stated = stated_signature(f"{name}:X")
    assert stated is not None
    assert facts(stated) == facts(Signature.of(import_module(name).X))


@pytest.mark.parametrize(
    "text",
    [
        "from functools import cache\n@cache\ndef X(a: int): ...",
        "def X(a: int): ...\nX.__signature__ = 3",
        "def X(a: int): ...\ndef X(b: int): ...",
        "if SIZE:\n    def X(a: int): ...",
        "def make(): return int\ndef X(a: int = make()): ...",
        "def make(): return int\nX = make()",
        "if TYPE_CHECKING:\n    from hdf import View\ndef X(a: View): ...",
        "class X:\n    def __new__(cls, a: int): ...\n    def __init__(self, b: int): ...",
        "class Base:\n    def __init_subclass__(cls): ...\nclass X(Base):\n    pass",
        "class Meta(type): ...\nclass X(metaclass=Meta):\n    def __init__(self, b: int): ...",
        "class A: ...\nclass B: ...\nclass X(A, B):\n    def __init__(self, b: int): ...",
        "class X:\n    __init__ = print",
        "class X(nn.Linear):\n    pass",
        "from kornia.augmentation import RandomAffine\nclass X(RandomAffine):\n    pass",
        "from os.path import *\ndef X(a: int): ...",
        "import nowhere_at_all\ndef X(a: int): ...",
        "def X(a: Gone): ...",
        "COUNT = 1\ndef grow():\n    global COUNT\ndef X(a: int = COUNT): ...",
        "def X(a: int:",
        "",
    ],
)
def test_what_is_not_plain_is_left_to_an_import(text: str, module: Any) -> None:
    assert stated_signature(f"{module(text)}:X") is None


def test_what_is_not_there_is_left_to_an_import() -> None:
    assert stated_signature("nowhere_at_all:X") is None
    assert stated_signature("kornia.augmentation:RandomAffine") is None or "kornia" in sys.modules

"""Recipes that a stranger may write, from nearly right to no recipe at all."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import yaml
from hypothesis import strategies as st

from hdf.recipe.load import packaged_recipes, parse
from hdf.registry.options import Options
from hdf.registry.registry import Registry
from tests.faults.strange import names, values

Draw = Callable[[st.SearchStrategy[Any]], Any]

TEXTS = [path.read_text(encoding="utf-8") for path in packaged_recipes()]
TREES = [parse(text, "packaged").plain() for text in TEXTS]
SHORT = "data: {loader: {use: phantom, count: 3}}\n"
FRAGMENTS = (
    "!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!binary aGk=", "!x y",
    "&a", "*a", "<<: *a", "&a [*a, *a]", "? ", ": ", "- ", "--- ", "...\n", "%YAML 9.9\n", "|\n",
    "\t", "\0", "\ufeff", "\u2028", "\x85", "\r", "{", "}", "[", "]", "'", '"', "#", ",", "\n",
    '"\\ud800"', '"\\x00"', "0o9", "0x", "1e999", ".nan", "-.inf", "9" * 5000, "~", "use: ",
    "seed: 1\nseed: 2\n", "extends: ", "{use: ", "null", "[[[[[[[[[[", "1_000", "é",
)  # fmt: skip


def _laughs(count: int) -> str:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, count)]
    return "\n".join(lines)


BOMBS: tuple[Callable[[int], str], ...] = (
    _laughs,
    lambda n: "data: " + "[" * n + "]" * n,
    lambda n: "data: " + "[" * n,
    lambda n: "data: " + "{a: " * n + "1" + "}" * n,
    lambda n: "\n".join(f"{' ' * i}a:" for i in range(n)),
    lambda n: "- " * n + "a",
    lambda n: f"{SHORT}name: " + "a" * n,
    lambda n: f"{SHORT}seed: " + "9" * n,
    lambda n: f"{SHORT}seed: -0x" + "f" * n,
    lambda n: f"{SHORT}seed: 1e" + "9" * n,
    lambda n: "\n".join(f"key{i}: {i}" for i in range(n)),
    lambda n: "a: 1\n" * n,
    lambda n: f"{SHORT}augment: [" + "{use: gamma}, " * n + "]",
    lambda n: f"{SHORT}augment: &a [" + "*a, " * n + "]",
    lambda n: f"{SHORT}x: &x {{y: {{<<: *x}}}}\n" * n,
    lambda n: "&a " * n + "b",
    lambda n: "!t " * n + "b",
    lambda n: "? " * n,
    lambda n: "'" + "\n" * n,
    lambda n: "%TAG ! tag:yaml.org,2002:\n" * n + "--- a",
    lambda n: "data: {loader: {use: concat, sources: {a: " * n + "1" + "}}}" * n,
)


@st.composite
def bombs(draw: Draw) -> str:
    """Little that becomes much."""
    make = draw(st.sampled_from(BOMBS))
    return make(draw(st.sampled_from((1, 2, 3, 5, 9, 39, 41, 99, 999, 5000, 20_001))))


@st.composite
def damaged(draw: Draw) -> str:
    """A packaged recipe in whose text something was put, or from which something was cut."""
    text: str = draw(st.sampled_from((*TEXTS, SHORT)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.sampled_from((start, start + 1, start + 9, start + 99)))
        put = draw(st.sampled_from(FRAGMENTS) | st.text(max_size=5) | st.just(""))
        text = text[:start] + put + text[end:]
    return text


@st.composite
def changed(draw: Draw) -> str:
    """A packaged recipe of which some values are others."""
    tree = deepcopy(draw(st.sampled_from(TREES)))
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, tree)
    return dumped(tree)


def _change(draw: Draw, tree: Any) -> None:
    node = tree
    while True:
        keys = list(node if isinstance(node, dict) else range(len(node)))
        key = draw(st.sampled_from(keys)) if keys else None
        inner = None if key is None else node[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 3)) == 0:
            break
        node = inner
    way = draw(st.sampled_from(("put", "put", "put", "add", "drop", "wrap", "other")))
    if key is None or way == "add":
        _add(node, draw(names), draw(values))
    elif way == "drop":
        del node[key]
    elif way == "wrap":
        node[key] = draw(st.sampled_from(([node[key]], {"use": node[key]}, {"a": node[key]})))
    else:
        node[key] = draw(values) if way == "put" else deepcopy(draw(st.sampled_from(TREES)))


def _add(node: Any, name: str, value: Any) -> None:
    if isinstance(node, dict):
        node[name] = value
    else:
        node.append(value)


PLAUSIBLE: st.SearchStrategy[Any] = st.sampled_from((
    0, 1, 2, 3, 0.0, 0.1, 0.5, 1.0, 2.5, -1, [0, 1], [0.5, 1.5], [1.5, 0.5], [64, 48], [8], [],
    True, False, "none", "imagenet", "phantom", "a.csv", "mse", {"a": {"use": "phantom"}},
))  # fmt: skip
PLACES = {
    "loader": ("data", "loader"),
    "backbone": ("model", "backbone"),
    "head": ("model", "head"),
    "augmentation": ("augment",),
    "visualizer": ("visualize",),
}


def components(registry: Registry) -> st.SearchStrategy[str]:
    """Recipes with a component that is there, and options that it has, of any value."""
    known = [
        (item.kind, item.name, Options(item.load(), item.kind).names())
        for item in registry.components
    ]

    @st.composite
    def one(draw: Draw) -> str:
        tree: dict[str, Any] = {"data": {"loader": {"use": "phantom"}}, "model": {}}
        kind, name, options = draw(st.sampled_from(known))
        use = {"use": name}
        for option in draw(st.lists(st.sampled_from(options or ["none"]), max_size=4)):
            use[option] = draw(PLAUSIBLE | values)
        *above, last = PLACES[kind]
        section = tree[above[0]] if above else tree
        section[last] = use if above else [use]
        return dumped(tree)

    return one()


def dumped(tree: Any) -> str:
    """As YAML, with an alias where a value is there twice."""
    text: str = yaml.dump(tree, sort_keys=False, allow_unicode=True, Dumper=yaml.SafeDumper)
    return text


OVERRIDES = (
    "", "=", "a", "a=", ".=1", "a..b=1", "data=5", "data.loader=", "augment.0=1", "augment.99=1",
    "augment.-1.x=1", "augment.0.degrees=4", "augment.\u0663=1", "model.backbone={use: vgg11}",
    "train.epochs=*a", "train.epochs=[", "train.epochs=&a [*a]", "seed=" + "9" * 5000,
    "a." * 2000 + "b=1", "augment=[" + "[" * 500, "extends=vgg16_mse", "name=../x", "data.use=1",
    "train.optimizer.use=sgd", "data.split.folds=3", "data.split={}", "\ud800=\ud800", "x=\0",
)  # fmt: skip
overrides = st.lists(
    st.sampled_from(OVERRIDES)
    | st.builds("{}={}".format, names, names)
    | st.builds(
        "{}={}".format,
        st.sampled_from(("train.epochs", "data.labels", "model.head.hidden", "augment.0.use")),
        st.sampled_from(FRAGMENTS),
    ),
    max_size=3,
)
EXTENDS = (
    "recipe.yaml", "other.yaml", "missing.yaml", "vgg16_mse", ".", "..", "/", "", "\0", "x" * 300,
    "/dev/zero", "pipe.yaml", "/etc/passwd", "./recipe.yaml", "loop.yaml", "~", "\ud800",
)  # fmt: skip


@st.composite
def extending(draw: Draw) -> str:
    """A recipe that builds on something."""
    name = draw(st.sampled_from(EXTENDS) | values)
    return dumped({"extends": name, **draw(st.sampled_from(({}, {"seed": 3}, {"augment": []})))})

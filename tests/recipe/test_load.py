"""Strict YAML: the core schema of YAML 1.2, duplicate keys, tags, bounds, line numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdf.errors import UserError
from hdf.recipe.load import dump, parse, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.0e-4", 1e-4),
        (".5", 0.5),
        ("-3", -3),
        ("0123", 123),
        ("0x1F", 31),
        ("0o17", 15),
        (".inf", float("inf")),
        ("on", "on"),
        ("yes", "yes"),
        ("True", True),
        ("false", False),
        ("12:30:00", "12:30:00"),
        ("2026-11-23", "2026-11-23"),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ('"1"', "1"),
        ("[1, 2]", [1, 2]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("<<", "<<"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    found = parse(f"key: {text}\n", "r.yaml").plain()["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_knows_its_line() -> None:
    node = parse("a: 1\nb:\n  c: [1, 2]\n", "r.yaml")
    assert node.locate(("b", "c", 1)) == "r.yaml:3 (b.c.1)"
    assert node.locate(("b", "missing")) == "r.yaml:2 (b)"
    assert node.locate(("nothing",)) == "r.yaml:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "r.yaml:3: the key 'a' is written twice; first at r.yaml:1"),
        ("a: !!python/object:os.system {}\n", "recipes hold plain values only"),
        ("a: !!python/name:os.system\n", "recipes hold plain values only"),
        ("a: !include other.yaml\n", "recipes hold plain values only"),
        ("1: a\n", "a key must be a name"),
        ("? [1, 2]\n: a\n", "a key must be a name"),
        ("a: [1, 2\n", "r.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: \x00\n", "not valid YAML"),
        ("a: &x [*x]\n", "nested too deeply"),
        ("[" * 100 + "]" * 100, "nested too deeply"),
        ("[" * 100_000, "not valid YAML"),
    ],
)
def test_mistakes_are_told(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "r.yaml")
    assert message in str(caught.value)


def test_all_duplicate_keys_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        parse("a: 1\na: 2\nb: {c: 1, c: 2}\n", "r.yaml")
    assert len(caught.value.problems) == 2


def test_aliases_cannot_grow_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
    with pytest.raises(UserError, match="too many values"):
        parse("\n".join(lines), "bomb.yaml")


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_text(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="is no file but a folder"):
        read_text(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        read_text(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(UserError, match="larger than 1 MB"):
        read_text(tmp_path / "large.yaml")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab: -[]{}&*!?#'\"|>\n\t%@,01.~<"), max_size=60))
def test_any_text_gives_values_or_a_clean_error(text: str) -> None:
    try:
        parse(text, "r.yaml").plain()
    except UserError as error:
        assert error.problems


@pytest.mark.parametrize("text", ['a: "\\ud800"', '"\\ud800": 1', '["\\udfff"]'])
def test_half_a_character_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"r\.yaml:1: half a character"):
        parse(text, "r.yaml")


ODD = (
    "0918", "08", "1e5", "0o17", "0x1F", "1_0", "on", "y", "No", "null", "~", "", "12:30:00", "=",
    "|", "2026-01-01", ".inf", "-.INF", ".NaN", ".5", "5.", "+1", "<<", "a: b", "- a", "#", " a",
    "a ", "a\nb\n", "\n a", "a\r\n", "a\tb", "\x85", "\u2028", "\ufeff", "---", "...", "*a", "!a",
)  # fmt: skip
texts = st.sampled_from(ODD) | st.text(max_size=40) | st.text("ab0.:#-'\"\\ \t\r\n\x85\u2029")
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(values, st.integers(20, 100))
def test_what_is_written_reads_back_equal(value: Any, width: int) -> None:
    found = parse(dump(value, width), "r.yaml").plain()
    assert repr(found) == repr(value)  # of the same types, and with keys in the same order

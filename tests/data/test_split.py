"""Splits by patient: fractions, folds, lists, ends, inner; each source gets its share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from hdf import Sample, UserError
from hdf.data.split import split_samples
from hdf.recipe.splits import EndsSplit, FoldSplit, FractionSplit, Lists, ListSplit


def samples(count: int, per_patient: int = 1) -> list[Sample]:
    return [
        Sample(f"i{n:03}", lambda: torch.zeros(1, 2, 2), group=f"p{n // per_patient:03}")
        for n in range(count)
    ]


def test_a_fraction_of_patients_is_kept_for_validation() -> None:
    given = samples(100, per_patient=4)
    split = split_samples(given, FractionSplit(val=0.2), seed=0)
    assert len(split.val) == 20
    assert sorted(split.train + split.val) == list(range(100))
    assert not {given[i].group for i in split.train} & {given[i].group for i in split.val}


def test_a_fraction_split_depends_on_the_seed_alone() -> None:
    given = samples(50)
    first = split_samples(given, FractionSplit(val=0.2), seed=0)
    assert split_samples(given, FractionSplit(val=0.2), seed=0) == first
    assert split_samples(given, FractionSplit(val=0.2), seed=1) != first


def test_folds_take_every_kth_sorted_patient() -> None:
    given = samples(10)[::-1]
    split = split_samples(given, FoldSplit(folds=5, fold=1), seed=0)
    assert sorted(given[i].id for i in split.val) == ["i001", "i006"]
    sides = [split_samples(given, FoldSplit(folds=5, fold=k), 0).val for k in range(5)]
    assert sorted(index for side in sides for index in side) == list(range(10))


def test_the_inner_split_comes_out_of_training_alone() -> None:
    given = samples(100, per_patient=2)
    plain = split_samples(given, FoldSplit(folds=5, fold=0), seed=0)
    split = split_samples(given, FoldSplit(folds=5, fold=0, inner=0.25), seed=0)
    assert split.val == plain.val
    assert sorted(split.train + split.inner) == plain.train
    assert len(split.inner) == 20
    assert not {given[i].group for i in split.train} & {given[i].group for i in split.inner}


def test_lists_name_images(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("i002\ni000\n\n")
    (tmp_path / "val.txt").write_text("\ufeffi003\r\n", encoding="utf-8")
    lists = Lists(train=str(tmp_path / "train.txt"), val=str(tmp_path / "val.txt"))
    split = split_samples(samples(5), ListSplit(lists=lists), seed=0)
    assert (split.train, split.val) == ([0, 2], [3])
    assert split.sides(5) == ["train", "unused", "train", "val", "unused"]


def test_mistakes_in_lists_are_told_with_their_line(tmp_path: Path) -> None:
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("i000\nnobody\n")
    val.write_text("i001\n")
    lists = ListSplit(lists=Lists(train=str(train), val=str(val)))
    with pytest.raises(UserError) as caught:
        split_samples(samples(4, per_patient=2), lists, seed=0)
    assert [str(problem) for problem in caught.value.problems] == [
        f"{train}:2: no image is called 'nobody'",
        f"{val}: 'i001' is for validation and 'i000' for training, of one patient; "
        "take one of them out of its list",
    ]
    val.unlink()
    with pytest.raises(UserError, match="can't be read: No such file"):
        split_samples(samples(4), lists, seed=0)


def test_an_empty_side_is_told() -> None:
    with pytest.raises(UserError, match="nothing for training; the data set has 1 patients"):
        split_samples(samples(3, per_patient=3), FractionSplit(val=0.2), seed=0)
    with pytest.raises(UserError, match="nothing for validation"):
        split_samples(samples(2), FoldSplit(folds=5, fold=4), seed=0)


def of_sources(patients: list[tuple[str, ...]]) -> list[Sample]:
    """One image of each patient in each of the patient's sources."""
    return [
        Sample(f"{source}/i{n:03}", lambda: torch.zeros(1, 2, 2), group=f"p{n:03}", source=source)
        for n, sources in enumerate(patients)
        for source in sources
    ]


SOURCES = [("a",), ("b",), ("c",), ("a", "b"), ("a", "c")]
PATIENTS = st.lists(st.sampled_from(SOURCES), min_size=12, max_size=60)


@settings(max_examples=100, deadline=None)
@drawn(PATIENTS, st.integers(2, 6))
def test_every_fold_has_its_share_of_each_source(
    patients: list[tuple[str, ...]], folds: int
) -> None:
    given = of_sources(patients)
    sides = [split_samples(given, FoldSplit(folds=folds, fold=k), 0) for k in range(folds)]
    groups = [{given[index].group for index in side.val} for side in sides]
    assert sorted(name for side in groups for name in side) == sorted({s.group for s in given})
    for side in sides:
        assert sorted(side.train + side.val) == list(range(len(given)))
    kinds = {f"p{n:03}": sources for n, sources in enumerate(patients)}
    counts = [Counter(kinds[name] for name in side) for side in groups]
    for kind in SOURCES:
        sizes = [count[kind] for count in counts]
        assert max(sizes) - min(sizes) <= 1
    totals = [len(side) for side in groups]
    assert max(totals) - min(totals) <= 1


@settings(max_examples=100, deadline=None)
@drawn(PATIENTS, st.floats(0.05, 0.9), st.integers(0, 3))
def test_a_random_part_has_its_share_of_each_source(
    patients: list[tuple[str, ...]], fraction: float, seed: int
) -> None:
    given = of_sources(patients)
    split = split_samples(given, FractionSplit(val=fraction), seed)
    kinds = {f"p{n:03}": sources for n, sources in enumerate(patients)}
    chosen = {given[index].group for index in split.val}
    assert not chosen & {given[index].group for index in split.train}
    for kind in SOURCES:
        size, part = patients.count(kind), sum(kinds[name] == kind for name in chosen)
        assert abs(part - fraction * size) < 1
    assert 0 <= len(chosen) - fraction * len(patients) < 1


def test_one_source_is_split_as_if_it_had_no_name() -> None:
    plain, named = samples(50), of_sources([("a",)] * 50)
    for split in (FractionSplit(val=0.3), FractionSplit(val=0.2, inner=0.2), FoldSplit(folds=5)):
        assert split_samples(named, split, seed=3) == split_samples(plain, split, seed=3)
    # The draw of the first release, for which published splits must not change.
    order = np.random.default_rng([3, 50]).permutation(50)
    assert split_samples(named, FractionSplit(val=0.3), seed=3).val == sorted(order[:15].tolist())


def test_the_first_are_trained_on_and_the_last_reported() -> None:
    given = samples(10)[::-1]
    split = split_samples(given, EndsSplit(first=6, last=3), seed=0)
    assert sorted(given[i].id for i in split.train) == [f"i00{n}" for n in range(6)]
    assert sorted(given[i].id for i in split.val) == ["i007", "i008", "i009"]
    inner = split_samples(given, EndsSplit(first=6, last=3, inner=0.5), seed=0)
    assert sorted(inner.train + inner.inner) == split.train
    assert (len(inner.inner), inner.val) == (3, split.val)


def test_ends_that_overlap_are_told() -> None:
    assert (
        split_samples(samples(10), EndsSplit(first=6, last=4), seed=0).sides(10).count("val") == 4
    )
    with pytest.raises(UserError, match="first: 7 and last: 4 overlap; the data set has 10 images"):
        split_samples(samples(10), EndsSplit(first=7, last=4), seed=0)


def test_a_patient_at_both_ends_is_told() -> None:
    split_samples(samples(10, per_patient=2), EndsSplit(first=6, last=4), seed=0)
    with pytest.raises(
        UserError, match="'i005' is for validation and 'i004' for training, of one patient"
    ):
        split_samples(samples(10, per_patient=2), EndsSplit(first=5, last=5), seed=0)

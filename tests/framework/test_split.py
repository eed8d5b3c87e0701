"""Splits by patient: fractions, folds, lists, inner."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hdf import Sample, UserError
from hdf.data.split import split_samples
from hdf.recipe.schema import FoldSplit, FractionSplit, Lists, ListSplit


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
        f"{val}: p000: this patient is in the training and in the validation list",
    ]
    val.unlink()
    with pytest.raises(UserError, match="the list can't be read"):
        split_samples(samples(4), lists, seed=0)


def test_an_empty_side_is_told() -> None:
    with pytest.raises(UserError, match="nothing for training; the data set has 1 patients"):
        split_samples(samples(3, per_patient=3), FractionSplit(val=0.2), seed=0)
    with pytest.raises(UserError, match="nothing for validation"):
        split_samples(samples(2), FoldSplit(folds=5, fold=4), seed=0)

"""Several loaders as one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from hdf import Sample, UserError
from hdf.boxes import mask_bounds
from hdf.errors import user_error
from hdf_plugins.loaders.concat import Concat
from hdf_plugins.loaders.phantom import Phantom


class Listed:
    """Gives what it was given, or raises it."""

    def __init__(self, *samples: Any) -> None:
        self.samples = list(samples)

    def records(self) -> list[Sample]:
        for sample in self.samples:
            if isinstance(sample, Exception):
                raise sample
        return self.samples


def test_each_source_keeps_its_name() -> None:
    sources = {"one": Phantom(count=2), "two": Phantom(count=1)}
    samples = Concat(sources=sources).records()
    assert [(sample.source, sample.id) for sample in samples] == [
        ("one", "one/phantom-0-00000"),
        ("one", "one/phantom-0-00001"),
        ("two", "two/phantom-0-00000"),
    ]
    assert [sample.group for sample in samples] == [sample.id for sample in samples]
    assert samples[2].read_masks is not None
    assert samples[2].target is not None
    assert torch.equal(mask_bounds(samples[2].read_masks()), samples[2].target.boxes)


def test_a_patient_known_to_two_sources_stays_one() -> None:
    def sample(id: str) -> Sample:
        return Sample(id, read=lambda: None, group="0123456789ab")  # type: ignore[arg-type,return-value]

    first, second = Concat(sources={"a": Listed(sample("x")), "b": Listed(sample("x"))}).records()
    assert (first.id, second.id) == ("a/x", "b/x")
    assert first.group == second.group == "0123456789ab"


def test_broken_samples_stay_broken() -> None:
    (sample,) = Concat(sources={"a": Listed(Sample.broken("x", "t.csv:3: wrong"))}).records()
    assert (sample.id, sample.source, sample.faults) == ("a/x", "a", ("a: t.csv:3: wrong",))


def test_the_problems_of_all_sources_are_told_together() -> None:
    sources = {
        "a": Listed(user_error("first", "f")),
        "b": Listed(),
        "c": Listed(user_error("second", "g")),
        "d": Listed("no sample"),
    }
    with pytest.raises(UserError) as caught:
        Concat(sources=sources).records()
    assert [str(problem) for problem in caught.value.problems] == [
        "f: first",
        "the source 'b' has no images",
        "g: second",
        "the source 'd': records must give a list of hdf.Sample",
    ]


@pytest.mark.parametrize("name", ["", "a/b", " a", "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match="can't be a source's name"):
        Concat(sources={name: Phantom(count=1)})
    with pytest.raises(ValueError, match="at least one loader"):
        Concat(sources={})

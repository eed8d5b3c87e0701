"""What all parts of a recipe have in common, and the forms that ``data.split`` takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveInt,
    Tag,
    ValidationInfo,
    field_validator,
)

Fraction = Annotated[float, Field(gt=0, lt=1)]


class Strict(BaseModel):
    """Unknown keys are errors, types are not converted, values don't change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Use(BaseModel):
    """A registered component and its options: ``{use: name, option: value}``."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    use: str


class FractionSplit(Strict):
    """A random part of each source's groups is kept for validation.

    Attributes:
        val: the fraction of groups that is reported.
        inner: the fraction of the training groups that chooses ``best``; none if left out.
    """

    val: Fraction
    inner: Fraction | None = None


class FoldSplit(Strict):
    """The i-th group, sorted by source and name, belongs to fold i mod `folds`.

    Attributes:
        folds: how many.
        fold: the one that is reported, counted from 0.
        inner: the fraction of the training groups that chooses ``best``; none if left out.
    """

    folds: Annotated[int, Field(ge=2)]
    fold: Annotated[int, Field(ge=0)] = 0
    inner: Fraction | None = None

    @field_validator("fold")
    @classmethod
    def _fold_exists(cls, fold: int, known: ValidationInfo) -> int:
        if fold >= known.data.get("folds", fold + 1):
            raise ValueError(f"fold {fold} of {known.data['folds']}; folds are counted from 0")
        return fold


class Lists(Strict):
    """Text files with one image id a line.

    Attributes:
        train: of the images that are trained on.
        val: of those that are reported.
    """

    train: str
    val: str


class ListSplit(Strict):
    """Fixed lists of images.

    Attributes:
        lists: the files.
        inner: the fraction of the training groups that chooses ``best``; none if left out.
    """

    lists: Lists
    inner: Fraction | None = None


class EndsSplit(Strict):
    """The two ends of all samples, sorted by id.

    Attributes:
        first: how many from the start are trained on.
        last: how many at the end are reported.
        inner: the fraction of the training groups that chooses ``best``; none if left out.
    """

    first: PositiveInt
    last: PositiveInt
    inner: Fraction | None = None


AnySplit = FractionSplit | FoldSplit | ListSplit | EndsSplit
SPLIT_FORMS = {"folds": "folds", "lists": "lists", "first": "ends", "last": "ends", "val": "part"}
"""The form of split that a key belongs to."""


def _split_form(split: Any) -> str:
    keys = split if isinstance(split, dict) else getattr(type(split), "model_fields", ())
    return next((f"by {form}" for key, form in SPLIT_FORMS.items() if key in keys), "by part")


Split = Annotated[
    Annotated[FractionSplit, Tag("by part")]
    | Annotated[FoldSplit, Tag("by folds")]
    | Annotated[ListSplit, Tag("by lists")]
    | Annotated[EndsSplit, Tag("by ends")],
    Discriminator(_split_form),
]

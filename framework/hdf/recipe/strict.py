"""What all parts of a recipe have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Unknown keys are errors, types are not converted, values don't change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Use(BaseModel):
    """A registered component and its options: ``{use: name, option: value}``."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    use: str

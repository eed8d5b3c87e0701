"""Range checks of the augmentations' options."""

from __future__ import annotations


def check_range(
    name: str, bounds: tuple[float, float], lowest: float, highest: float, unit: str = ""
) -> None:
    """Refuse bounds that are out of order or outside ``lowest..highest``.

    Raises:
        ValueError: with the option's name, what was given and what was expected.
    """
    low, high = bounds
    if not lowest <= low <= high <= highest:
        limits = f"{lowest:g} <= low <= high <= {highest:g}{unit and ' ' + unit}"
        raise ValueError(f"{name} is [{low:g}, {high:g}]: expected [low, high] with {limits}")


def check_number(name: str, value: float, lowest: float, highest: float, unit: str = "") -> None:
    """Refuse a number outside ``lowest..highest``.

    Raises:
        ValueError: with the option's name, what was given and what was expected.
    """
    if not lowest <= value <= highest:
        limits = f"from {lowest:g} to {highest:g}{unit and ' ' + unit}"
        raise ValueError(f"{name} is {value:g}: expected a number {limits}")


def check_probability(p: float) -> None:
    """Refuse a probability outside 0..1.

    Raises:
        ValueError: with what was given.
    """
    check_number("p", p, 0.0, 1.0)

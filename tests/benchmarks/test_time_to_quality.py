"""How one training is set against the quickest of several."""

from __future__ import annotations

from typing import Any

from benchmarks.bars import at_most
from benchmarks.time_to_quality import _minutes, _ratio


def trained(seconds: float, reached: bool) -> dict[str, Any]:
    return {
        "reached": seconds if reached else None,
        "trained": seconds,
        "best": 0.81 if reached else 0.7,
        "epochs": 9,
    }


def test_the_quickest_peer_that_got_there_counts() -> None:
    peers = [trained(300, False), trained(240, True), trained(280, True)]
    assert _ratio(trained(30, True), peers) == "0.125"


def test_where_no_peer_got_there_the_ratio_is_a_bound() -> None:
    figure = _ratio(trained(30, True), [trained(300, False), trained(301, False)])
    assert figure == "0.100 or less, for no peer got there"
    assert not at_most(0.25).missed_by(figure)


def test_without_one_of_the_sides_there_is_no_ratio() -> None:
    assert _ratio(trained(30, True), ["skipped: why", trained(300, True)]) == "skipped: why"
    assert _ratio(trained(30, False), [trained(300, True)]) == "never reached"


def test_minutes_say_what_was_reached() -> None:
    assert _minutes(trained(30, True)) == "0.50 (IoU 0.810, 9 epochs)"
    assert _minutes(trained(300, False)) == "not in 5.0 (IoU 0.700, 9 epochs)"

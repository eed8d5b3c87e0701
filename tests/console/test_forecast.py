"""How long a process will take, told from made-up durations."""

from __future__ import annotations

import io
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from hdf.console import forecast, progress
from hdf.console.forecast import Forecast, Pace, spoken
from hdf.console.progress import Reporter
from hdf.recipe.load import packaged_recipes
from hdf.training import timing
from hdf.training.prepare import Run
from hdf.training.state import Selection, TrainingState
from hdf.training.timing import FILM, LIGHTER, SCORING, Timing, what_shortens


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (12.4, "12 s"),
        (43.0, "45 s"),
        (99.0, "1 min 40 s"),
        (200.0, "3 min 20 s"),
        (599.0, "10 min"),
        (3000.0, "50 min"),
        (7700.0, "2 h 10 min"),
        (90000.0, "25 h"),
    ],
)
def test_durations_are_words(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_the_first_piece_counts_only_until_there_is_another() -> None:
    pace = Pace(guess=7.0)
    assert pace.each == 7
    pace.took(30.0)
    assert pace.each == 30
    pace.took(1.0)
    pace.took(6.0, pieces=2)
    assert pace.each == pytest.approx(7 / 3)


def test_a_pace_is_sure_after_twenty_pieces_or_a_few_slow_ones() -> None:
    quick, slow = Pace(), Pace()
    for _ in range(19):
        quick.took(0.1)
    assert not quick.is_sure
    quick.took(0.1)
    assert quick.is_sure
    for _ in range(4):
        slow.took(10.0)
    assert not slow.is_sure
    slow.took(10.0)
    assert slow.is_sure


def test_a_piece_that_fails_is_not_timed() -> None:
    pace = Pace(guess=2.0)
    with pytest.raises(ValueError, match="broken"), pace.timing():
        raise ValueError("broken")
    assert pace.each == 2


def began(seconds_ago: float) -> Forecast:
    return Forecast(time.monotonic() - seconds_ago)


def test_what_shortens_is_told_above_ten_minutes_alone() -> None:
    (short,) = began(100).lines(100, ["fewer epochs"])
    assert short.startswith("about 3 min 20 s in all, until ")
    long, advice = began(100).lines(900, ["fewer epochs", "smaller images"])
    assert long.startswith("about 17 min in all, until ")
    assert advice == "what would shorten it: fewer epochs, smaller images"
    assert began(100).lines(900, [])[0].startswith("about")


def test_what_may_end_earlier_is_told_as_a_limit() -> None:
    (line,) = began(0).lines(100, at_most=True)
    assert line.startswith("at most 1 min 40 s in all, until ")


def test_the_end_of_another_day_has_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noon(forecast.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2026, 11, 23, 12, 0)

    monkeypatch.setattr(forecast, "datetime", Noon)
    assert began(0).lines(3600)[0].endswith("until 13:00")
    assert began(0).lines(13 * 3600)[0].endswith("until 2026-11-24 01:00")


def test_a_forecast_is_corrected_once_where_it_was_far_off() -> None:
    told = began(0)
    assert len(told.lines(200)) == 1
    assert told.lines(240) == []  # not far off
    (line,) = told.lines(400)
    assert line.startswith("now about 6 min 40 s in all")
    assert told.lines(4000) == []


def test_a_forecast_is_not_corrected_near_the_end() -> None:
    told = began(300)
    told.lines(500)
    assert told.lines(30) == []


class Clock:
    """Stands for `time`, and goes on when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(forecast, "time", clock)
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(timing, "time", clock)
    return clock


def counted(clock: Clock, total: int, seconds: float, **options: Any) -> list[str]:
    screen = io.StringIO()
    reporter = Reporter(Console(file=screen, width=1000), Forecast(clock.now - 10))
    with reporter.counting("predicting", **options) as count:
        for done in range(1, total + 1):
            clock.now += 60 if done == 1 else seconds  # the first one warms up
            count(done, total)
    return [line for line in screen.getvalue().splitlines() if "predicting: about" in line]


def test_files_that_come_in_are_told_once_in_all(clock: Clock) -> None:
    (line,) = counted(clock, 200, 0.5)
    assert line.startswith("predicting: about 2 min 50 s in all, until ")  # 70 s + 199 * 0.5 s


def test_what_follows_is_part_of_the_time(clock: Clock) -> None:
    (line,) = counted(clock, 200, 0.5, then=1.0)
    assert line.startswith("predicting: about 4 min 30 s in all, until ")


def test_few_or_quick_files_are_told_nothing(clock: Clock) -> None:
    assert counted(clock, 19, 10.0) == []
    assert counted(clock, 100, 0.01) == []


def timing_of(reporter: Reporter, epochs: int, every: int = 1) -> Timing:
    """Of 10 steps an epoch, 20 validation images, no pictures, too few images for doubt."""
    detector = SimpleNamespace(state_dict=lambda: {"w": torch.empty(10)}, parameters=lambda: [])
    split = SimpleNamespace(train=list(range(30)), val=list(range(20)), inner=[])
    train = SimpleNamespace(epochs=epochs, validate_every=every, ema=0, early_stopping=None)
    recipe = SimpleNamespace(train=train, data=SimpleNamespace(image_size=(64, 64)))
    compute = SimpleNamespace(dtype=torch.bfloat16, device=torch.device("cpu"))
    world = SimpleNamespace(is_writer=True)
    run: Any = SimpleNamespace(
        detector=detector,
        split=split,
        recipe=recipe,
        augment=None,
        visualizers=[],
        compute=compute,
        world=world,
    )
    learner: Any = SimpleNamespace(cache=None)
    state = TrainingState(run.detector, learner, Selection(None))
    return Timing(run, state, 10, reporter)


def trained(
    clock: Clock, epochs: int, every: int = 1, later: int = 0, validation: float = 10.0
) -> tuple[float, str]:
    """What is left after 20 steps of 2 s, the first of which took 30 s, and what is said of it.

    Validation takes 10 s, a checkpoint 5 s.
    """
    screen = io.StringIO()
    reporter = Reporter(Console(file=screen, width=1000), Forecast(clock.now, later))
    clock.now += 7  # reading
    times = timing_of(reporter, epochs, every)
    times.image.took(validation, 20)
    times.checkpoint.took(5.0)
    times.start_epoch()
    for done in range(1, 21):
        clock.now += 30 if done == 1 else 2
        times.state.position.done = done
        times.after_step()
    left = times.left()
    assert left is not None
    return left, screen.getvalue()


END = SCORING + FILM * 18


def test_what_is_left_of_a_run_counts_all_of_it(clock: Clock) -> None:
    left, said = trained(clock, epochs=5)
    # The position still is in the first epoch: 30 steps, 5 validations, 6 checkpoints.
    assert left == pytest.approx(30 * 2 + 5 * 10 + 6 * 5 + END)
    assert said.startswith("about 3 min 40 s in all, until ")
    assert said.count("\n") == 1


def test_epochs_without_validation_are_shorter(clock: Clock) -> None:
    left, _ = trained(clock, epochs=5, every=2)  # after epochs 2, 4 and 5
    assert left == pytest.approx(30 * 2 + 3 * 10 + 6 * 5 + END)


def test_a_first_validation_that_warms_up_does_not_stand_for_all(clock: Clock) -> None:
    left, _ = trained(clock, epochs=5, validation=300.0)
    each = 20 * 10 * 2 / 30  # the images of a validation, as fast as they are learned from
    assert left == pytest.approx(30 * 2 + 5 * each + 6 * 5 + END)


def test_folds_that_follow_are_counted(clock: Clock) -> None:
    alone, _ = trained(clock, epochs=5)
    left, said = trained(clock, epochs=5, later=2)
    assert left == pytest.approx(alone + 2 * (7 + 10 + 50 * 2 + 5 * 10 + 6 * 5 + END))
    assert "what would shorten it: fewer than 5 train.epochs, a larger train.validate_every" in said


def run_of(size: tuple[int, int], epochs: int, weights: int, dtype: torch.dtype) -> Run:
    train = SimpleNamespace(epochs=epochs, validate_every=1)
    recipe = SimpleNamespace(train=train, data=SimpleNamespace(image_size=size))
    compute = SimpleNamespace(dtype=dtype, device=torch.device("cpu"))
    detector = SimpleNamespace(parameters=lambda: [torch.empty(weights, device="meta")])
    return SimpleNamespace(recipe=recipe, compute=compute, detector=detector)  # type: ignore[return-value]


def test_advice_fits_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hdf.training.timing.computes_bfloat16", lambda device: True)
    assert list(what_shortens(run_of((64, 64), 1, 10, torch.bfloat16), 0.5)) == []
    large = run_of((224, 192), 30, 20_000_000, torch.float32)
    assert list(what_shortens(large, 0.5)) == [
        "data.image_size=[128, 96] instead of [224, 192]",
        "fewer than 30 train.epochs",
        "train.precision=bfloat16, in which this machine computes",
        "a larger train.validate_every (50% of the time is validation)",
        f"a lighter recipe such as {LIGHTER}",
    ]
    monkeypatch.setattr("hdf.training.timing.computes_bfloat16", lambda device: False)
    assert not any("precision" in text for text in what_shortens(large, 0.5))


def test_the_lighter_recipe_is_packaged() -> None:
    assert LIGHTER in [path.stem for path in packaged_recipes()]

"""Progress of a command: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor

from hdf.console.forecast import SURE, Forecast
from hdf.files.atomic import naming, utf8_name

REFRESH_SECONDS = 0.25
LINE_SECONDS = 10.0
FORECAST_SECONDS = 3.0
"""The least time of measurement before a forecast, and the least time left to announce one."""


class Reporter:
    """Writes to the console, stderr, and to the log of the run once there is one."""

    def __init__(self, console: Console, forecast: Forecast | None = None) -> None:
        self.console = console
        self.began = time.monotonic()
        self.forecast = forecast or Forecast(self.began)
        self.log: Path | None = None
        self._unlogged: list[str] = []

    def say(self, *lines: str) -> None:
        """Print and log lines of plain text."""
        for line in lines:
            self.console.print(line, soft_wrap=True, markup=False, highlight=False)
            self.record(line)

    def record(self, text: str) -> None:
        """Log a line without printing it, after all lines from before there was a log."""
        self._unlogged.append(text)
        if self.log is not None:
            with naming(self.log), self.log.open("a", encoding="utf-8") as file:
                file.writelines(f"{utf8_name(line)}\n" for line in self._unlogged)
            self._unlogged.clear()

    @contextmanager
    def counting(
        self, what: str, then: float = 0.0, shorter: Sequence[str] = ()
    ) -> Iterator[Callable[[int, int], None]]:
        """Show the progress of `what`; yields a function of (done, total).

        Args:
            then: duration of the work that follows, as a multiple of this work's.
            shorter: what would shorten both.
        """
        forecast, last = self._forecasting(what, then, shorter), time.perf_counter()
        with self._bar(TimeRemainingColumn()) as bar:
            task = bar.add_task(what, total=None, info="")

            def count(done: int, total: int) -> None:
                nonlocal last
                forecast(done, total)
                bar.update(task, completed=done, total=total, info=f"{done}/{total}")
                if not self.console.is_terminal and time.perf_counter() - last >= LINE_SECONDS:
                    last = time.perf_counter()
                    self.say(f"{what}: {done} of {total}")

            yield count

    def _forecasting(
        self, what: str, then: float, shorter: Sequence[str]
    ) -> Callable[[int, int], None]:
        """A function of (done, total) that announces the total time once enough is done.

        The pace is that of the later half: the first pieces include the warm-up, and the load of
        the machine may have changed since.
        """
        forecast, seen = Forecast(self.forecast.began), list[tuple[float, int]]()

        def count(done: int, total: int) -> None:
            seen.append((time.monotonic(), done))
            (begin, first), (now, _) = seen[0], seen[-1]
            if self.forecast.told or len(seen) < SURE or now - begin < FORECAST_SECONDS:
                return
            middle, half = seen[len(seen) // 2]
            each = (now - middle) / max(1, done - half)
            left = (total - done + (total - first) * then) * each
            if left >= FORECAST_SECONDS:
                self.say(*(f"{what}: {line}" for line in forecast.lines(left, shorter)))

        return count

    @contextmanager
    def training(
        self, epochs: int, steps: int, left: Callable[[], float | None] = lambda: None
    ) -> Iterator[TrainingDisplay]:
        """Show a training with `steps` batches per epoch, and the seconds `left` if known."""
        with self._bar(TextColumn("{task.fields[left]}", style="progress.remaining")) as bar:
            task = bar.add_task("training", total=epochs * steps, info="", left="")
            yield TrainingDisplay(self, bar, task, epochs, steps, left)

    @contextmanager
    def _bar(self, time_left: ProgressColumn) -> Iterator[Progress]:
        # Without rich's own bar everything fits into a terminal of 80 columns.
        columns = (TextColumn("{task.description}"), TextColumn("{task.fields[info]}"))
        progress = Progress(*columns, time_left, console=self.console, transient=True)
        # Off a terminal it is never started: only whole lines are written there.
        with progress if self.console.is_terminal else nullcontext():
            yield progress


@dataclass
class TrainingDisplay:
    """Epoch, batch, loss, images per second, time left, and IoU beside the constant box's."""

    reporter: Reporter
    bar: Progress
    task: TaskID
    epochs: int
    steps: int
    left: Callable[[], float | None]
    epoch: int = 0
    _score: str = ""
    _images: int = 0
    _shown: float = 0.0
    _began: float = 0.0

    def start_epoch(self, epoch: int) -> None:
        """`epoch` counts from 1."""
        self.epoch, self._images = epoch, 0
        self._began = time.perf_counter()

    def step(self, done: int, loss: Tensor, images: int) -> None:
        """Record a batch; the loss is fetched from the device only when it is shown."""
        self._images += images
        now = time.perf_counter()
        if now - self._shown < REFRESH_SECONDS and done < self.steps:
            return
        self._shown = now
        rate = self._images / max(now - self._began, 1e-9)
        left = self.left()
        self.bar.update(
            self.task,
            description=f"epoch {self.epoch}/{self.epochs} batch {done}/{self.steps}",
            completed=(self.epoch - 1) * self.steps + done,
            info=f"loss {float(loss):.4f} {rate:.0f} images/s{self._score}",
            left="" if left is None else str(timedelta(seconds=round(left))),
        )

    def end_epoch(self, metrics: Mapping[str, float], seconds: float, rate: float) -> None:
        """Print the line of the epoch; its score stays in the display until the next."""
        line = f"epoch {self.epoch}/{self.epochs}  loss {metrics['train_loss']:.4f}"
        if "iou_mean" in metrics:
            iou, constant = metrics["iou_mean"], metrics["constant_box_iou"]
            self._score = f" IoU {iou:.3f} (box {constant:.3f})"
            line += f"  validation loss {metrics['val_loss']:.4f}"
            line += f"  IoU {iou:.3f} (constant box {constant:.3f})"
        self.reporter.say(f"{line}  {rate:.0f} images/s  {seconds:.1f} s")

"""The contract of visualizers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from hdf.testing.contract import asking, subject
from hdf.testing.views import example_view
from hdf.visualize.view import View


def check_visualizer(
    visualizer: Any,
    *,
    options: Mapping[str, Any] | None = None,
    labels: tuple[str, ...] = ("heart", "left_lung"),
    view: View | None = None,
    repeats: bool = True,
) -> None:
    """Hold a visualizer to all that hdf asks of one.

    It copes with a missed label and with an image without boxes; it writes below its folder alone,
    returns what it wrote, and writes the same again; it changes nothing of what it is shown, and
    leaves no figure of pyplot open.

    Args:
        visualizer: the visualizer, or the name of a registered one, built as for a recipe.
        options: of a registered one.
        labels: the recipe's ``data.labels``.
        view: what to draw; `hdf.testing.example_view` if left out.
        repeats: False for files that hold the time, as an experiment tracker's do.

    Raises:
        AssertionError: saying what is wrong and what to do.
    """
    made = subject("visualizer", visualizer, options, 0, labels=labels, image_size=(64, 64))
    drawn = made.make()
    when = getattr(drawn, "when", None)
    assert when in ("epoch", "end"), f"{made.title}: when is {when!r}, expected 'epoch' or 'end'"
    shown = view or example_view(labels, when)
    first = _drawn(made.title, drawn, shown)
    again = _drawn(made.title, made.make(), shown)
    assert first.keys() == again.keys(), f"{made.title}: it writes other files when it draws again"
    differ = [name for name in first if first[name] != again[name]]
    assert not (repeats and differ), (
        f"{made.title}: {', '.join(differ)} differs when drawn again; keep time and chance out, or "
        "give repeats=False"
    )


def _drawn(title: str, visualizer: Any, view: View) -> dict[str, bytes]:
    """The files of one draw, by their path below the folder."""
    before = _boxes(view)
    with _quiet_place() as place:
        folder = place / "figures"
        folder.mkdir()
        with asking(title, "draw", torch_draws=False):
            returned = visualizer.draw(view, folder)
        stray = [path for path in place.rglob("*") if path.is_file() and folder not in path.parents]
        assert not stray, (
            f"{title}: draw writes {', '.join(path.name for path in stray)} outside of its folder; "
            "write below the folder that it is given"
        )
        _check_returned(title, returned, folder)
        files = [path for path in folder.rglob("*") if path.is_file()]
        found = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}
    assert all(found.values()), f"{title}: draw leaves an empty file"
    same = all(torch.equal(*pair) for pair in zip(before, _boxes(view), strict=True))
    assert same, (
        f"{title}: draw changes the boxes of its view; other visualizers are shown them too"
    )
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums(), (
        f"{title}: draw leaves a figure of pyplot open; use matplotlib.figure.Figure"
    )
    return found


def _check_returned(title: str, returned: Any, folder: Path) -> None:
    assert isinstance(returned, list) and all(isinstance(item, Path) for item in returned), (
        f"{title}: draw gives {returned!r}, expected the list of the paths that it wrote"
    )
    written = {path.resolve() for path in folder.rglob("*") if path.is_file()}
    named = {path.resolve() for path in returned}
    missing = sorted(path.name for path in named - written)
    assert not missing, f"{title}: draw names {', '.join(missing)}, and did not write it"
    silent = sorted(path.name for path in written - named)
    assert not silent, f"{title}: draw writes {', '.join(silent)}, and does not return its path"


@contextmanager
def _quiet_place() -> Iterator[Path]:
    """A new working directory, where whatever is written by a relative path is seen."""
    before = Path.cwd()
    with TemporaryDirectory() as place:
        os.chdir(place)
        try:
            yield Path(place)
        finally:
            os.chdir(before)


def _boxes(view: View) -> list[torch.Tensor]:
    shown = [target.boxes for target in view.targets]
    return [item.clone() for item in (*shown, *(found.boxes for found in view.detections))]

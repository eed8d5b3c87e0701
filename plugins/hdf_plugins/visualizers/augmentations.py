"""Training images and several augmented versions of each."""

from __future__ import annotations

from pathlib import Path

from hdf import View
from hdf.drawing import WARNING, Shown, draw_sheet, most_cells, panel_of
from hdf.errors import user_error
from hdf.files import replacing
from hdf_plugins.visualizers.drawing import checked_count


class Augmentations:
    """Training images as stored, each beside several random augmentations.

    Pixels and boxes are those of the network. The images are the first of the first epoch, and draw
    1 is the one that training began with; further draws use other random numbers. ``hdf preview``
    shows one draw for each image of an epoch, before training.

    Args:
        count: how many images, at most a training batch; fewer if they are large.
        draws: how often each is augmented.
    """

    when = "end"

    def __init__(self, *, count: int = 6, draws: int = 4) -> None:
        self.count = checked_count(count)
        self.draws = checked_count(draws, "draws")

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``augmentations.png``.

        Raises:
            UserError: the recipe augments nothing.
        """
        if view.network.augment is None:
            raise user_error("the recipe augments nothing: its augment is empty")
        stored = view.network.training_batch()
        height, width = stored.images.shape[-2:]
        count = min(self.count, len(stored), most_cells(1 + self.draws, (height, width)))
        facts = [
            f"first {count} training images, {self.draws} draws of each",
            f"{width} px wide, {height} px high",
        ]
        # Whole batches are augmented, for some augmentations look at all of one.
        draws = [view.network.augmented(stored, draw + 1) for draw in range(self.draws)]
        shown = []
        for row, sample in enumerate(view.network.training_samples(stored)[:count]):
            first, *further = (panel_of(batch, row) for batch in draws)
            shown.append(Shown(sample.id, panel_of(stored, row), first, tuple(further)))
        path = folder / "augmentations.png"
        with replacing(path) as temporary:
            draw_sheet(shown, view.labels, facts, WARNING).save(temporary, format="PNG")
        return [path]

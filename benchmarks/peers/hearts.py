"""What the peers share: the table of heart boxes, images read by PIL, folds, IoU and the clock."""

import csv
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

FOLDS = 5


def read_table(table, side):
    """Sorted [(name, box xyxy in pixels of an image of `side`)]."""
    found = []
    with Path(table).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            x, y, w, h = (float(row[key]) for key in ("x0", "y0", "w", "h"))
            across, down = side / float(row["img_shape_x"]), side / float(row["img_shape_y"])
            box = [x * across, y * down, (x + w) * across, (y + h) * down]
            found.append((row["name"], torch.tensor(box)))
    return sorted(found, key=lambda item: item[0])


class Hearts(torch.utils.data.Dataset):
    """Images float32 [channels, side, side] in [0, 1], decoded each time, and their boxes."""

    def __init__(self, images, rows, side, channels=1):
        self.images, self.rows = Path(images), rows
        self.side, self.channels = side, channels

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        name, box = self.rows[index]
        image = Image.open(self.images / f"{name}.png").convert("L")
        pixels = np.asarray(image.resize((self.side, self.side), Image.BILINEAR), np.float32)
        return torch.from_numpy(pixels / 255).expand(self.channels, -1, -1), box


def sides_of_fold(rows):
    """(training rows, validation rows) of fold 0: every fifth row validates."""
    train = [row for number, row in enumerate(rows) if number % FOLDS]
    return train, rows[::FOLDS]


def mean_iou(found, true):
    """Of boxes [N, 4] xyxy with true ones; a box without area scores 0."""
    low, high = torch.maximum(found[:, :2], true[:, :2]), torch.minimum(found[:, 2:], true[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    areas = [(b[:, 2:] - b[:, :2]).clamp(min=0).prod(1) for b in (found, true)]
    return float((shared / (areas[0] + areas[1] - shared).clamp(min=1e-9)).mean())


def train_until(train, validate, bar, limit):
    """Train epoch by epoch until the validation IoU reaches `bar`, or `limit` seconds are over.

    Args:
        train: trains for one epoch.
        validate: gives the mean IoU; its time is not counted.

    Returns:
        The seconds of training until then (None if never), the best IoU, and how long it trained.
    """
    trained, best, epochs = 0.0, 0.0, 0
    while trained < limit and best < bar:
        began = time.perf_counter()
        train()
        trained += time.perf_counter() - began
        best, epochs = max(best, validate()), epochs + 1
    reached = trained if best >= bar else None
    return {"reached": reached, "best": best, "epochs": epochs, "trained": trained}

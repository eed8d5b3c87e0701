"""Ultralytics' YOLO11n from scratch, offline, until the IoU reaches a bar.

Ultralytics is AGPL-3.0: this file is only ever started as a process, in an environment of its own.
Settings are its defaults but for mirroring, since a mirrored heart is another heart.
"""

import argparse
import contextlib
import json
import os
import tempfile
import time
from pathlib import Path

import torch
from hearts import Hearts, mean_iou, read_table, sides_of_fold

os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_VERBOSE="false")
EPOCHS = 100


class ReachedError(Exception):
    """The bar, or the limit."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--limit", type=float, default=900.0)
    parser.add_argument("--bar", type=float, default=0.80)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["YOLO_CONFIG_DIR"] = folder
        print(json.dumps(train(given, Path(folder))))


def train(given, folder):
    from ultralytics import YOLO

    rows = read_table(given.table, given.side)
    training, validation = sides_of_fold(rows)
    described = write_data(folder, Path(given.images), given.side, training, validation)
    held = list(Hearts(given.images, validation, given.side, channels=3))
    model, clock = YOLO("yolo11n.yaml"), Clock(given, held)
    model.add_callback("on_train_epoch_start", clock.start)
    model.add_callback("on_train_epoch_end", clock.stop)
    model.add_callback("on_fit_epoch_end", clock.validate)
    quiet = {"plots": False, "save": False, "val": False, "verbose": False, "amp": False}
    about = {"data": described, "imgsz": given.side, "batch": given.batch, "epochs": EPOCHS}
    place = {"project": folder, "name": "run", "device": "cpu", "workers": 2, "cache": "ram"}
    with contextlib.suppress(ReachedError):
        model.train(pretrained=False, fliplr=0.0, **about, **quiet, **place)
    reached = clock.trained if clock.best >= given.bar else None
    return {
        "reached": reached,
        "best": clock.best,
        "epochs": clock.epochs,
        "trained": clock.trained,
    }


class Clock:
    """Times the epochs' training, and validates the averaged weights after each."""

    def __init__(self, given, held):
        self.given = given
        self.images = torch.stack([image for image, _ in held])
        self.boxes = torch.stack([box for _, box in held])
        self.trained, self.best, self.epochs = 0.0, 0.0, 0

    def start(self, trainer):
        self.began = time.perf_counter()

    def stop(self, trainer):
        self.trained += time.perf_counter() - self.began
        self.epochs += 1

    @torch.no_grad()
    def validate(self, trainer):
        model = trainer.ema.ema.float().eval()
        found = torch.cat([best_box(model(part)[0]) for part in self.images.split(8)])
        self.best = max(self.best, mean_iou(found, self.boxes))
        if self.best >= self.given.bar or self.trained >= self.given.limit:
            raise ReachedError


def best_box(answers):
    """The box xyxy [B, 4] of the highest score of raw answers [B, 4 + 1, N] in xywh."""
    best = answers[:, 4].argmax(1)
    box = answers[torch.arange(len(answers)), :4, best]
    center, half = box[:, :2], box[:, 2:] / 2
    return torch.cat([center - half, center + half], 1)


def write_data(folder, images, side, training, validation):
    """Links to the images, and text files of boxes in fractions of the image."""
    for name, rows in {"train": training, "val": validation}.items():
        (folder / "images" / name).mkdir(parents=True)
        (folder / "labels" / name).mkdir(parents=True)
        for stem, box in rows:
            (folder / "images" / name / f"{stem}.png").symlink_to(images / f"{stem}.png")
            x0, y0, x1, y1 = (box / side).tolist()
            text = f"0 {(x0 + x1) / 2} {(y0 + y1) / 2} {x1 - x0} {y1 - y0}\n"
            (folder / "labels" / name / f"{stem}.txt").write_text(text)
    described = folder / "hearts.yaml"
    described.write_text(f"path: {folder}\ntrain: images/train\nval: images/val\nnames: [heart]\n")
    return described


if __name__ == "__main__":
    main()

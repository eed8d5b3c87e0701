"""Epochs over hdf's store: filled on disk, then where `hdf run` would hold it."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median

import torch

from benchmarks.timing import seconds
from hdf.data.batches import Batches
from hdf.data.folder import StoreFolder
from hdf.data.store import read_into
from hdf_plugins.loaders.csv_boxes import CsvBoxes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=9)
    given = parser.parse_args()
    samples = CsvBoxes(images=given.images, table=given.table).records()[: given.count]
    with tempfile.TemporaryDirectory() as place:
        folder = StoreFolder(Path(place) / "store", (given.side, given.side), {})
        store, _, _ = read_into(folder.pixels, samples, ("heart",), folder.size, "letterbox")
        assert store is not None
        batches = Batches(store.to(torch.device("cpu")), range(len(store)), given.batch)
        times = [seconds(lambda: _epoch(batches)) for _ in range(given.epochs)]
    print(json.dumps({"images_per_second": len(store) / median(times[1:])}))


def _epoch(batches: Batches) -> None:
    for _ in batches.shuffled(0, 1):
        pass


if __name__ == "__main__":
    main()

"""Epochs over MONAI's CacheDataset, all of it cached, through its DataLoader."""

import argparse
import json
import logging
import time
import warnings
from pathlib import Path
from statistics import median

from hearts import read_table


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--workers", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    from monai.data import CacheDataset, DataLoader
    from monai.transforms import (
        Compose,
        EnsureChannelFirstd,
        EnsureTyped,
        LoadImaged,
        Resized,
        ScaleIntensityRanged,
    )

    rows = read_table(given.table, given.side)[: given.count]
    data = [{"image": Path(given.images) / f"{name}.png", "box": box} for name, box in rows]
    read = Compose(
        [
            LoadImaged("image", reader="PILReader"),
            EnsureChannelFirstd("image"),
            Resized("image", (given.side, given.side)),
            ScaleIntensityRanged("image", 0, 255, 0, 1),
            EnsureTyped("image", track_meta=False),  # plain tensors are collated quicker
        ]
    )
    cached = CacheDataset(data, read, cache_rate=1.0, num_workers=2, progress=False)
    batches = DataLoader(cached, batch_size=given.batch, shuffle=True, num_workers=given.workers)
    times = []
    for _ in range(given.epochs):
        began = time.perf_counter()
        for batch in batches:
            assert batch["image"].shape[1:] == (1, given.side, given.side)
        times.append(time.perf_counter() - began)
    print(json.dumps({"images_per_second": len(rows) / median(times[1:])}))


if __name__ == "__main__":
    main()

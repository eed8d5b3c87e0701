"""The work of ``hdf predict`` on a folder, without its start-up, with one thing of it changed."""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from benchmarks.timing import seconds
from hdf.inference import Predictor, files, load_predictor, predictor
from hdf.models.detector import Detector

normalize = Detector.normalize


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--without", choices=tuple(WITHOUT))
    given = parser.parse_args()
    paths = sorted(given.images.iterdir())
    for place, name, value in WITHOUT.get(given.without, ()):
        mock.patch.object(place, name, value).start()
    answering = load_predictor(precision=given.precision)
    if given.without == "channels-last":
        for detector in answering.detectors:
            detector.to(memory_format=torch.contiguous_format)
    _, second = (seconds(lambda: list(_answers(answering, paths))) for _ in range(2))
    print(json.dumps({"images_per_second": len(paths) / second}))


def _answers(answering: Predictor, paths: list[Path]) -> list[files.FileResult]:
    return list(files.predict_files(answering, paths, 0.9))


def _rows_first(detector: Detector, images: Tensor) -> Tensor:
    return normalize(detector, images).contiguous()


WITHOUT: dict[str | None, tuple[tuple[Any, str, Any], ...]] = {
    "folding": ((predictor, "fold_batch_norms", lambda model: None),),
    "channels-last": ((Detector, "normalize", _rows_first),),
    "inference-mode": ((Predictor, "predict", Predictor.predict.__wrapped__),),  # type: ignore[attr-defined]
    "batches": ((files, "TOGETHER", 1),),
    "threads": ((files, "workers", lambda: 1), (files, "one_torch_thread", nullcontext)),
}
"""What is replaced so that an optimisation is out of use."""

if __name__ == "__main__":
    main()

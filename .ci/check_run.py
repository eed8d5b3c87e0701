"""Hold the newest vgg16_mse run to what the README says of it."""

from __future__ import annotations

import json
from pathlib import Path

newest = max(Path("runs/vgg16_mse").iterdir())
summary = json.loads((newest / "summary.json").read_text())
scores, seconds = summary["metrics"]["val"], summary["timing"]["seconds"]
before = summary["iou_before_first_step"]
print(
    f"{newest}: mean IoU {scores['iou_mean']:.3f}, before the first step {before:.3f}, "
    f"constant box {scores['constant_box_iou']:.3f}"
)
print(f"{seconds:.0f} s, {summary['peak_memory_mib']} MiB")
assert scores["iou_mean"] >= 0.85, "the README promises a mean IoU of at least 0.85"
assert scores["iou_mean"] - before >= 0.10, "the start knows nearly all that training teaches"
assert summary["dataset"]["val"] >= 160, "too few phantoms to validate on"
assert scores["constant_box_iou"] <= 0.70, "the phantoms are too much alike"
assert summary["peak_memory_mib"] < 4096, "the README promises 4 GiB of memory to be enough"

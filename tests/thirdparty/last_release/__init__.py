"""What ``hdf new-plugin`` of the last release wrote, with the tracker of its documentation."""

import json
import os
from pathlib import Path

import hdf

HERE = "tests.thirdparty.last_release"


@hdf.hookimpl
def hdf_loaders(register):
    register("old_loader", f"{HERE}.loader:OldLoaderLoader")


@hdf.hookimpl
def hdf_augmentations(register):
    register("old_augmentation", f"{HERE}.augmentation:OldAugmentationAugmentation")


@hdf.hookimpl
def hdf_backbones(register):
    register("old_backbone", f"{HERE}.backbone:OldBackboneBackbone")


@hdf.hookimpl
def hdf_heads(register):
    register("old_head", f"{HERE}.head:OldHeadHead")


@hdf.hookimpl
def hdf_visualizers(register):
    register("old_visualizer", f"{HERE}.visualizer:OldVisualizerVisualizer")


def _append(run, event, **facts):
    line = {"run": str(run.folder.path), "recipe": run.recipe.name, "event": event, **facts}
    with Path(os.environ.get("TRACKER_FILE", "experiments.jsonl")).open("a") as file:
        file.write(json.dumps(line) + "\n")


@hdf.hookimpl
def hdf_run_started(run):
    _append(run, "started", seed=run.recipe.seed, options=run.checked.resolved())


@hdf.hookimpl
def hdf_epoch_finished(run, epoch, metrics):
    _append(run, "epoch", epoch=epoch, iou_mean=metrics.get("iou_mean"))  # not always validated


@hdf.hookimpl
def hdf_run_finished(run, summary):
    images = len(run.store), len(run.split.train), run.detector.training, run.compute.precision
    _append(run, "finished", iou_mean=summary["metrics"]["val"]["iou_mean"], images=images)

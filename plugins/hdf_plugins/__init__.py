"""The plugins that come with hdf, registered as a stranger's would be."""

from __future__ import annotations

import re
from collections.abc import Mapping

import hdf
from hdf.hookspecs import Register
from hdf_plugins.tensorboard import hdf_epoch_finished, hdf_run_finished, hdf_run_started

__all__ = ["hdf_epoch_finished", "hdf_run_finished", "hdf_run_started"]

LOADERS = {
    "csv_boxes:CsvBoxes": "A folder of images and a CSV table of boxes",
    "coco:Coco": "A folder of images and boxes in COCO's JSON",
    "voc:Voc": "A folder of images and boxes in Pascal VOC's XML, one file per image",
    "yolo:Yolo": "A folder of images and boxes in YOLO's text files",
    "label_studio:LabelStudio": "A folder of images and boxes in Label Studio's JSON",
    "cvat:Cvat": "A folder of images and boxes in CVAT's XML",
    "hdf_predictions:HdfPredictions": "A folder of images and the boxes that hdf has found in them",
    "mask_boxes:MaskBoxes": "A folder of images and folders of masks, whose bounds are the boxes",
    "image_folder:ImageFolder": "A folder of images without boxes, to predict on",
    "concat:Concat": "Several sources as one data set",
    "phantom:Phantom": "Synthetic chest radiographs from anatomy, with exact boxes and masks",
}
AUGMENTATIONS = {
    "geometry:affine": "Rotate, shift, scale and shear",
    "geometry:horizontal_flip": "Mirror left and right; makes a mirrored heart",
    "geometry:random_crop": "Crop, and zoom back to size",
    "intensity:Gamma": "Exposure: raise the grey values to a power",
    "intensity:brightness": "Add to the grey values",
    "intensity:Contrast": "Stretch or squeeze the grey values",
    "intensity:GaussianNoise": "Add independent noise",
    "intensity:gaussian_blur": "Soften the image",
    "covering:erasing": "Cover a random rectangle",
    "geometry:Aspect": "Stretch along one axis, squeeze the other",
    "tone:ToneCurve": "Bend the grey values along a random smooth rising curve",
    "tone:HistogramMatching": "Match the grey values with another image of the batch",
    "intensity:inversion": "Swap black and white",
    "tone:LowFrequency": "Shade smoothly, as the heel effect and scatter do",
    "covering:Collimation": "Cover strips along the sides, as shutters do",
    "covering:BurntInLetters": "Write side letters and numbers near the borders",
    "devices:Devices": "Draw wires, tubes, electrodes and pacemakers over the image",
}
HEADS = {
    "box_regression:BoxRegression": "Fully connected layers that regress one box per label",
    "dense:EdgeSoftargmax": "A distribution over the position of each edge of the boxes",
    "dense:Mask": "A mask per label, learnt from masks or boxes, and its bounding box",
}
VISUALIZERS = {
    "overlay:Overlay": "Predicted and true boxes on the images",
    "overlay:Worst": "The worst predictions, worst first",
    "curves:Curves": "Loss and IoU over epochs",
    "edge_distributions:EdgeDistributions": "How certain the head is of each edge of a box",
    "augmentations:Augmentations": "Training images, each beside several random augmentations",
}


@hdf.hookimpl
def hdf_loaders(register: Register) -> None:
    _register(register, "loaders", LOADERS)


@hdf.hookimpl
def hdf_augmentations(register: Register) -> None:
    _register(register, "augmentations", AUGMENTATIONS)


@hdf.hookimpl
def hdf_backbones(register: Register) -> None:
    home = "hdf_plugins.backbones"
    for depth in (11, 13, 16, 19):
        summary = f"VGG with {depth - 3} convolutions (Simonyan and Zisserman 2015)"
        register(f"vgg{depth}", f"{home}.vgg:VGG{depth}", summary=summary)
    for depth in (18, 50):
        summary = f"ResNet with {depth} layers (He et al. 2016)"
        register(f"resnet{depth}", f"{home}.resnet:ResNet{depth}", summary=summary)
    for size in ("large", "small"):
        target = f"{home}.mobilenet_v3:MobileNetV3{size.title()}"
        summary = f"MobileNetV3, the {size} one (Howard et al. 2019)"
        register(f"mobilenet_v3_{size}", target, summary=summary)
    summary = "Any model of timm that gives feature maps (extra timm)"
    register("timm", f"{home}.timm_model:Timm", summary=summary)


@hdf.hookimpl
def hdf_heads(register: Register) -> None:
    _register(register, "heads", HEADS)


@hdf.hookimpl
def hdf_visualizers(register: Register) -> None:
    _register(register, "visualizers", VISUALIZERS)
    summary = "Heat maps of where the edges of a box are decided (extra explain)"
    register("gradcam", "hdf_plugins.visualizers.gradcam:GradCam", summary=summary)


def _register(register: Register, package: str, summaries: Mapping[str, str]) -> None:
    """Register ``module:attribute`` under the attribute's name, in lower case with underscores."""
    for target, summary in summaries.items():
        attribute = target.partition(":")[2]
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", attribute).lower()
        register(name, f"hdf_plugins.{package}.{target}", summary=summary)

"""The plugins that come with hdf, registered as a stranger's would be."""

from __future__ import annotations

import hdf
from hdf.hookspecs import Register
from hdf_plugins.trackers.tensorboard import (
    hdf_epoch_finished,
    hdf_run_finished,
    hdf_run_started,
)

__all__ = ["hdf_epoch_finished", "hdf_run_finished", "hdf_run_started"]


@hdf.hookimpl
def hdf_loaders(register: Register) -> None:
    home = "hdf_plugins.loaders"
    register(
        "csv_boxes",
        f"{home}.csv_boxes:CsvBoxes",
        summary="A folder of images and a CSV table of boxes",
    )
    register("coco", f"{home}.coco:Coco", summary="A folder of images and boxes in COCO's JSON")
    for name, target, whose in (
        ("voc", "voc:Voc", "Pascal VOC's XML, one file an image"),
        ("yolo", "yolo:Yolo", "YOLO's text files"),
        ("label_studio", "label_studio:LabelStudio", "Label Studio's JSON"),
        ("cvat", "cvat:Cvat", "CVAT's XML"),
    ):
        register(name, f"{home}.{target}", summary=f"A folder of images and boxes in {whose}")
    register(
        "mask_boxes",
        f"{home}.mask_boxes:MaskBoxes",
        summary="A folder of images and folders of masks, whose bounds are the boxes",
    )
    register(
        "image_folder",
        f"{home}.image_folder:ImageFolder",
        summary="A folder of images without boxes, to predict on",
    )
    register("concat", f"{home}.concat:Concat", summary="Several sources as one data set")
    register(
        "phantom",
        f"{home}.phantom:Phantom",
        summary="Synthetic chest radiographs from anatomy, with exact boxes and masks",
    )


@hdf.hookimpl
def hdf_augmentations(register: Register) -> None:
    home = "hdf_plugins.augmentations"
    register("affine", f"{home}.affine:affine", summary="Rotate, shift, scale and shear")
    register(
        "horizontal_flip",
        f"{home}.horizontal_flip:horizontal_flip",
        summary="Mirror left and right; makes a mirrored heart",
    )
    register(
        "random_crop", f"{home}.random_crop:random_crop", summary="Crop, and zoom back to size"
    )
    register("gamma", f"{home}.gamma:gamma", summary="Exposure: raise the grey values to a power")
    register("brightness", f"{home}.brightness:brightness", summary="Add to the grey values")
    register("contrast", f"{home}.contrast:contrast", summary="Stretch or squeeze the grey values")
    register(
        "gaussian_noise", f"{home}.gaussian_noise:gaussian_noise", summary="Add independent noise"
    )
    register("gaussian_blur", f"{home}.gaussian_blur:gaussian_blur", summary="Soften the image")
    register("erasing", f"{home}.erasing:erasing", summary="Cover a random rectangle")
    register("aspect", f"{home}.aspect:aspect", summary="Stretch along one axis, squeeze the other")
    register(
        "tone_curve",
        f"{home}.tone_curve:tone_curve",
        summary="Bend the grey values along a random smooth rising curve",
    )
    register(
        "histogram_matching",
        f"{home}.histogram_matching:histogram_matching",
        summary="Spread the grey values as in another image of the batch",
    )
    register("inversion", f"{home}.inversion:inversion", summary="Swap black and white")
    register(
        "low_frequency",
        f"{home}.low_frequency:low_frequency",
        summary="Shade smoothly, as the heel effect and scatter do",
    )
    register(
        "collimation",
        f"{home}.collimation:collimation",
        summary="Cover strips along the sides, as shutters do",
    )
    register(
        "burnt_in_letters",
        f"{home}.burnt_in_letters:burnt_in_letters",
        summary="Write side letters and numbers near the borders",
    )
    register(
        "devices",
        f"{home}.devices:devices",
        summary="Draw wires, tubes, electrodes and pacemakers over the image",
    )


@hdf.hookimpl
def hdf_backbones(register: Register) -> None:
    for depth in (11, 13, 16, 19):
        register(
            f"vgg{depth}",
            f"hdf_plugins.backbones.vgg:VGG{depth}",
            summary=f"VGG with {depth - 3} convolutions (Simonyan and Zisserman 2015)",
        )
    for depth in (18, 50):
        register(
            f"resnet{depth}",
            f"hdf_plugins.backbones.resnet:ResNet{depth}",
            summary=f"ResNet with {depth} layers (He et al. 2016)",
        )
    for size in ("large", "small"):
        register(
            f"mobilenet_v3_{size}",
            f"hdf_plugins.backbones.mobilenet_v3:MobileNetV3{size.title()}",
            summary=f"MobileNetV3, the {size} one (Howard et al. 2019)",
        )
    register(
        "timm",
        "hdf_plugins.backbones.timm_model:Timm",
        summary="Any model of timm that gives feature maps (extra timm)",
    )


@hdf.hookimpl
def hdf_heads(register: Register) -> None:
    register(
        "box_regression",
        "hdf_plugins.heads.box_regression:BoxRegression",
        summary="Fully connected layers that regress one box a label",
    )
    register(
        "edge_softargmax",
        "hdf_plugins.heads.edge_softargmax:EdgeSoftargmax",
        summary="A distribution over the position of each edge of a label's box",
    )
    register(
        "mask",
        "hdf_plugins.heads.mask:Mask",
        summary="A mask a label, learnt from masks or boxes, and the box that it bounds",
    )


@hdf.hookimpl
def hdf_visualizers(register: Register) -> None:
    home = "hdf_plugins.visualizers"
    register("overlay", f"{home}.overlay:Overlay", summary="Predicted and true boxes on the images")
    register("curves", f"{home}.curves:Curves", summary="Loss and IoU over epochs")
    register("worst", f"{home}.worst:Worst", summary="The worst predictions, worst first")
    register(
        "edge_distributions",
        f"{home}.edge_distributions:EdgeDistributions",
        summary="How sure the head is of each edge, along the image's sides",
    )
    register(
        "gradcam",
        f"{home}.gradcam:GradCam",
        summary="Which places hold the edges of a box (extra explain)",
    )
    register(
        "augmentations",
        f"{home}.augmentations:Augmentations",
        summary="Training images, and what several draws of augmentation make of them",
    )

"""What predicting with the plainest models has to import."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from hdf_plugins.backbones.resnet import ResNet18, ResNet50
from hdf_plugins.backbones.vgg import VGG11, VGG16
from hdf_plugins.heads.box_regression import BoxRegression
for backbone in (VGG11(width=0.1), VGG16(width=0.1), ResNet18(width=0.1), ResNet50(width=0.1)):
    BoxRegression(backbone.channels, backbone.strides, ("heart",), (32, 32), hidden=())
print([name for name in ("torchvision", "kornia", "timm") if name in sys.modules])
"""


def test_a_model_from_scratch_needs_no_other_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "[]\n", done.stderr

"""VGG16 for one grey channel, with fully connected layers to a box's four numbers."""

from torch import nn
from torchvision.models import vgg16

HIDDEN = (512, 128)


def heart_vgg16(side):
    """torchvision's layers, from scratch; the classifier ends in four numbers."""
    model = vgg16(weights=None)
    model.features[0] = nn.Conv2d(1, 64, kernel_size=3, padding=1)
    cells = min(7, side // 32)
    model.avgpool = nn.AdaptiveAvgPool2d((cells, cells))
    wide, narrow = HIDDEN
    model.classifier = nn.Sequential(
        nn.Linear(512 * cells * cells, wide),
        nn.ReLU(inplace=True),
        nn.Linear(wide, narrow),
        nn.ReLU(inplace=True),
        nn.Linear(narrow, 4),
    )
    return model

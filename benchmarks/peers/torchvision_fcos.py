"""torchvision's FCOS on a small backbone, from scratch, until the IoU reaches a bar.

Images are decoded once; shifts, scales and gamma augment them, as they do for the others.
"""

import argparse
import json

import torch
from hearts import Hearts, mean_iou, read_table, sides_of_fold, train_until
from torchvision import tv_tensors
from torchvision.models.detection import FCOS
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import mobilenet_backbone
from torchvision.transforms import v2

LR, WARM_UP = 1e-3, 100


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--limit", type=float, default=900.0)
    parser.add_argument("--bar", type=float, default=0.80)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=224)
    given = parser.parse_args()
    torch.manual_seed(0)
    training, validation = (
        list(Hearts(given.images, rows, given.side, channels=3))
        for rows in sides_of_fold(read_table(given.table, given.side))
    )
    model = detector(given.side)
    train = trainer(model, training, given.batch)
    found = train_until(train, lambda: validate(model, validation), given.bar, given.limit)
    print(json.dumps(found))


def detector(side):
    """MobileNetV3 with a feature pyramid: maps at strides 16, 32 and 64."""
    norm = torch.nn.BatchNorm2d
    backbone = mobilenet_backbone(
        backbone_name="mobilenet_v3_large",
        weights=None,
        fpn=True,
        norm_layer=norm,
        trainable_layers=6,
    )
    anchors = AnchorGenerator(sizes=((16,), (32,), (64,)), aspect_ratios=((1.0,),) * 3)
    about = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "anchor_generator": anchors}
    found = {"score_thresh": 0.0, "detections_per_img": 1}
    return FCOS(backbone, num_classes=1, min_size=side, max_size=side, **about, **found)


def trainer(model, training, batch):
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    rise = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, WARM_UP)
    moving = v2.RandomAffine(8, translate=(0.1, 0.1), scale=(0.85, 1.2))

    def augmented(image, box):
        frame = image.shape[-2:]
        boxes = tv_tensors.BoundingBoxes(box[None], format="XYXY", canvas_size=frame)
        image, boxes = moving(tv_tensors.Image(image), boxes)
        image = image.as_subclass(torch.Tensor) ** float(torch.empty(()).uniform_(0.7, 1.5))
        return image, {"boxes": boxes.as_subclass(torch.Tensor), "labels": torch.tensor([0])}

    def train():
        model.train()
        for chosen in torch.randperm(len(training)).split(batch):
            pairs = [augmented(*training[i]) for i in chosen.tolist()]
            images, targets = zip(*pairs, strict=True)
            optimizer.zero_grad()
            loss = sum(model(list(images), list(targets)).values())
            loss.backward()
            optimizer.step()
            rise.step()

    return train


@torch.no_grad()
def validate(model, validation):
    """The mean IoU of the box with the highest score; no box scores 0."""
    model.eval()
    answers = [model([image])[0]["boxes"] for image, _ in validation]
    found = torch.stack([boxes[0] if len(boxes) else torch.zeros(4) for boxes in answers])
    return mean_iou(found, torch.stack([box for _, box in validation]))


if __name__ == "__main__":
    main()

"""The script that this task is usually solved with: VGG16, Adam, MSE on pixels, float32.

A DataLoader with two workers decodes every PNG in every epoch.
"""

import argparse
import json
import time

import torch
from hearts import Hearts, mean_iou, read_table, sides_of_fold, train_until
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader
from vgg import heart_vgg16


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--steps", type=int, help="time so many steps after a first one")
    parser.add_argument("--limit", type=float, help="train on fold 0 for so many seconds at most")
    parser.add_argument("--bar", type=float, default=0.80)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    given = parser.parse_args()
    torch.manual_seed(0)
    model = heart_vgg16(given.side)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    rows = read_table(given.table, given.side)
    if given.steps:
        print(json.dumps(speed(given, model, optimizer, rows)))
    else:
        print(json.dumps(quality(given, model, optimizer, rows)))


def loader(given, rows):
    hearts = Hearts(given.images, rows, given.side)
    return DataLoader(hearts, given.batch, shuffle=True, num_workers=2)


def step(model, optimizer, images, boxes):
    optimizer.zero_grad()
    loss = mse_loss(model(images), boxes)
    loss.backward()
    optimizer.step()
    return loss.item()


def speed(given, model, optimizer, rows):
    count = given.batch * (given.steps + 1)
    model.train()
    ends = []
    for images, boxes in loader(given, [rows[i % len(rows)] for i in range(count)]):
        step(model, optimizer, images, boxes)
        ends.append(time.perf_counter())
    return {"images_per_second": given.batch * given.steps / (ends[-1] - ends[0])}


def quality(given, model, optimizer, rows):
    training, validation = sides_of_fold(rows)
    batches = loader(given, training)
    held = list(Hearts(given.images, validation, given.side))

    def train():
        model.train()
        for images, boxes in batches:
            step(model, optimizer, images, boxes)

    @torch.no_grad()
    def validate():
        model.eval()
        found = torch.cat([model(image[None]) for image, _ in held])
        return mean_iou(found, torch.stack([box for _, box in held]))

    return train_until(train, validate, given.bar, given.limit)


if __name__ == "__main__":
    main()

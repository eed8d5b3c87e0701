"""PyTorch Lightning training the same VGG16 on the same batches, float32."""

import argparse
import json
import logging
import time
import warnings

import lightning
import torch
from hearts import Hearts, read_table
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader
from vgg import heart_vgg16


class HeartModule(lightning.LightningModule):
    def __init__(self, side):
        super().__init__()
        self.model = heart_vgg16(side)

    def training_step(self, batch, index):
        images, boxes = batch
        return mse_loss(self.model(images), boxes)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-4)


class Ends(lightning.Callback):
    """Notes when each step is done."""

    def __init__(self):
        self.times = []

    def on_train_batch_end(self, *about):
        self.times.append(time.perf_counter())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True)
    parser.add_argument("--table", required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    rows = read_table(given.table, given.side)
    count = given.batch * (given.steps + 1)
    hearts = Hearts(given.images, [rows[i % len(rows)] for i in range(count)], given.side)
    ends = Ends()
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        callbacks=[ends],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = DataLoader(hearts, given.batch, shuffle=True, num_workers=2)
    trainer.fit(HeartModule(given.side), batches)
    speed = given.batch * given.steps / (ends.times[-1] - ends.times[0])
    print(json.dumps({"images_per_second": speed}))


if __name__ == "__main__":
    main()

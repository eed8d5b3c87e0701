"""From a loader's samples to batches on the device: `split`, `store`, `batches`."""

"""Weights for timm's models: from Hugging Face, or from a local file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from hdf.errors import user_error
from hdf_plugins.backbones.imagenet import check_reachable
from hdf_plugins.backbones.weights import brief


def hub_file(name: str, about: Any) -> Path:
    """The local file of the weights that timm offers for a model.

    Args:
        name: timm's name of the model.
        about: timm's `PretrainedCfg` of it.

    Raises:
        hdf.UserError: there are none, or they are not in the cache and can't be downloaded.
    """
    import huggingface_hub  # comes with timm

    if not about.hf_hub_id:
        raise user_error(f"timm offers no weights for {name}: take weights: none, or a local file")
    place = (about.hf_hub_id, about.hf_hub_filename or "model.safetensors")
    cached = huggingface_hub.try_to_load_from_cache(*place)
    if isinstance(cached, str):
        return Path(cached)
    url = huggingface_hub.hf_hub_url(*place)
    try:
        # Not left to huggingface_hub: without a connection it tries again for half a minute.
        check_reachable(huggingface_hub.constants.ENDPOINT)
        print(f"downloading {url}", file=sys.stderr)
        return Path(huggingface_hub.hf_hub_download(*place))
    except Exception as error:  # of its own kinds, and of those of the library below it
        raise user_error(
            f"can't download the imagenet weights of {name}: {brief(error)}. Download {url} "
            f"and give it as a local file: model.backbone.weights=/path/to/{name}.safetensors"
        ) from error


def source_channels(state: Mapping[str, Tensor], first: str | tuple[str, ...] | None) -> int:
    """How many channels the images had for which weights were made: 1, or else 3.

    Args:
        state: tensors by name.
        first: the first convolution, or those that see the image.
    """
    names = (first,) if isinstance(first, str) else first or ()
    filters = [state[f"{name}.weight"] for name in names if f"{name}.weight" in state]
    return 1 if any(item.shape[1:2] == (1,) for item in filters) else 3

"""The models of timm (Wightman, PyTorch Image Models, 2019) as backbones."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from typing import Any

from torch import Tensor, nn

from hdf.errors import user_error
from hdf_plugins.backbones.weights import (
    Weights,
    averaged,
    check_source,
    hub_file,
    read_state,
    refuse_misfits,
)


class Timm(nn.Module):
    """Any model of timm that gives feature maps.

    It needs an extra: ``pip install 'heart-detection-framework[timm]'``. Channels and strides are
    the model's own. A transformer made for one size of image is built for the recipe's.

    Args:
        image_size: (height, width) of the images.
        in_channels: channels of the images, 1 for grey radiographs.
        name: timm's name of the model, such as ``convnext_atto``. Where timm has several weights
            for it, the name may say which: ``resnet18.a1_in1k``.
        weights: ``none`` is timm's random start; ``imagenet`` loads the weights that timm offers
            for the name, by download or from Hugging Face's cache (they may have a licence of
            their own); anything else is the path of the whole model's state dict,
            ``.safetensors`` or ``.pth``. Filters for RGB are summed when the images have one
            channel.

    Raises:
        ValueError: timm has no such model.
        hdf.UserError: timm is not installed, can't give maps of this model for images of this
            size, or the weights can't be fetched, read or fitted.
    """

    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __init__(
        self,
        *,
        image_size: tuple[int, int],
        in_channels: int = 1,
        name: str,
        weights: Weights = "none",
    ) -> None:
        super().__init__()
        check_source(weights, name)
        about = _about(name)
        options: dict[str, Any] = {"in_chans": in_channels}
        if about.fixed_input_size:
            options["img_size"] = image_size
        if weights != "none":
            path = hub_file(name, about) if weights == "imagenet" else Path(weights)
            state = read_state(path)
            if weights != "imagenet":
                whole = _build(name, num_classes=0, **options).state_dict()
                # Timm adapts shapes, and would leave random what is missing.
                held = {key: whole[key] for key in whole if key in state}
                refuse_misfits(whole, held, f"timm's {name}", path)
            source = _source_channels(state, about.first_conv)
            if source != 1:
                self.mean, self.std = averaged(about.mean, about.std, in_channels)
            input_size = (source, *about.input_size[1:])
            options["pretrained_cfg_overlay"] = {"file": str(path), "input_size": input_size}
        self.net = _build(name, features_only=True, pretrained=weights != "none", **options)
        self.channels = tuple(self.net.feature_info.channels())
        self.strides = tuple(self.net.feature_info.reduction())
        self._channels_last = getattr(self.net, "output_fmt", None) == "NHWC"

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images float [B, in_channels, H, W] to maps [B, channels, about H / s, about W / s]."""
        maps: list[Tensor] = list(self.net(images))
        # The maps of Swin transformers and their like have the channels behind.
        return [item.permute(0, 3, 1, 2) for item in maps] if self._channels_last else maps


def _source_channels(state: Mapping[str, Tensor], first: str | tuple[str, ...] | None) -> int:
    """The channels of the images for which weights were made, by the first convolutions: 1 or 3."""
    names = (first,) if isinstance(first, str) else first or ()
    filters = [state[f"{name}.weight"] for name in names if f"{name}.weight" in state]
    return 1 if any(item.shape[1:2] == (1,) for item in filters) else 3


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        message = "timm is not installed: pip install 'heart-detection-framework[timm]'"
        raise user_error(message) from error
    return timm


def _about(name: str) -> Any:
    """What timm knows of a model: its weights, the size of its images, and so on."""
    timm = _timm()
    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        close = get_close_matches(model, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "see timm.list_models()"
        raise ValueError(f"timm has no model {model!r}; {hint}")
    known = timm.list_pretrained(f"{model}.*")
    if tag and name not in known:
        raise ValueError(f"timm has no weights {name!r}; there are: {', '.join(known) or 'none'}")
    return timm.get_pretrained_cfg(name)


def _build(name: str, **options: Any) -> Any:
    try:
        return _timm().create_model(name, **options)
    except Exception as error:  # each model of timm has its own way of refusing
        reason = shorten(str(error), 300) or type(error).__name__
        raise user_error(f"timm can't make a backbone of {name}: {reason}") from error

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torchvision.models.vgg import cfgs, make_layers

from hdf.errors import UserError
from hdf_plugins.backbones import weights
from hdf_plugins.backbones.resnet import ResNet50
from hdf_plugins.backbones.vgg import VGG11, VGG16

VGG16_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    return tmp_path / "checkpoints"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(weights, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


@pytest.mark.usefixtures("offline")
def test_offline_says_what_to_download_and_where_to_put_it(cache: Path) -> None:
    with pytest.raises(UserError) as caught:
        VGG16(weights="imagenet")
    message = str(caught.value)
    assert "no route to host" in message
    assert f"Download {VGG16_URL} and put it at {cache / 'vgg16-397923af.pth'}" in message
    assert "model.backbone.weights=/path/to/vgg16.pth" in message
    assert not cache.exists()


@pytest.mark.usefixtures("offline")
def test_offline_names_the_file_with_batch_norm(cache: Path) -> None:
    with pytest.raises(UserError, match=r"vgg11_bn-6002323d\.pth"):
        VGG11(weights="imagenet", batch_norm=True)
    with pytest.raises(UserError, match=r"resnet50-0676ba61\.pth"):
        ResNet50(weights="imagenet")


@pytest.mark.usefixtures("offline")
def test_a_cached_file_needs_no_network(cache: Path) -> None:
    layers = make_layers(cfgs["A"])
    cache.mkdir()
    state = {f"features.{name}": value for name, value in layers.state_dict().items()}
    torch.save(state, cache / "vgg11-8a719046.pth")
    backbone = VGG11(weights="imagenet")
    assert backbone.features[3].weight.equal(layers[3].weight)
    assert backbone.mean == pytest.approx((0.449,))


def test_a_download_is_checked_and_lands_in_the_cache(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[object, ...]] = []

    def fetch(url: str, path: str, checksum: str, progress: bool) -> None:
        calls.append((url, path, checksum, socket.getdefaulttimeout()))
        Path(path).touch()

    monkeypatch.setattr(weights, "check_reachable", lambda url: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    path = cache / "vgg16-397923af.pth"
    assert weights.imagenet_file("vgg16") == path
    assert calls == [(VGG16_URL, str(path), "397923af", weights.STALL_SECONDS)]
    assert socket.getdefaulttimeout() is None
    assert not capsys.readouterr().out


def test_a_wrong_checksum_is_reported(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*args: object, **options: object) -> None:
        raise RuntimeError('invalid hash value (expected "397923af", got "0")')

    monkeypatch.setattr(weights, "check_reachable", lambda url: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    with pytest.raises(UserError, match="invalid hash value"):
        weights.imagenet_file("vgg16")
    assert not list(cache.iterdir())


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/weights.pth"


def test_a_server_that_does_not_answer_is_given_up(silent_server: str) -> None:
    with pytest.raises(OSError, match=r"no answer|timed out"):
        weights.check_reachable(silent_server, seconds=0.2)


def test_a_look_up_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(weights, "urlopen", lambda *args, **options: released.wait(60))
    with pytest.raises(TimeoutError, match="no answer within"):
        weights.check_reachable(VGG16_URL, seconds=0.1)
    released.set()

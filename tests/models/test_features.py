"""The frozen feature networks, against recorded outputs of the implementations their weights come from."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.losses.perceptual import perceptual_loss
from semsynth.models.features import EfficientNetLite, FidInception, Vgg19
from semsynth.models.features.efficientnet_lite import SameConv2d
from semsynth.models.features.frozen import fold_batch_norm, read_state
from semsynth.models.features.inception import Conv, resize_like_tensorflow
from semsynth.models.features.vgg import BLOCKS
from tests.exactness import GRADIENT, relative_norm


def ramp(height: int, width: int) -> Tensor:
    """A picture that any test can make again: two ramps and a ripple, (1,3,H,W) in [-1,1]."""
    rows, columns = torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]
    return torch.stack([rows + 0 * columns, 0 * rows + columns, torch.sin(7 * rows * columns)])[None]


# ---- VGG-19


def random_vgg_state() -> dict[str, Tensor]:
    """torchvision's names, drawn by the recipe of the recorded loss."""
    state: dict[str, Tensor] = {}
    index, before = 0, 3
    for block in BLOCKS:
        for width in block:
            number = len(state)
            draw = torch.Generator().manual_seed(1000 + number)
            weight = torch.randn(width, before, 3, 3, generator=draw) * (2 / (before * 9)) ** 0.5
            bias = torch.randn(width, generator=torch.Generator().manual_seed(1001 + number)) * 0.05
            state |= {f"features.{index}.weight": weight, f"features.{index}.bias": bias}
            before, index = width, index + 2
        index += 1
    return state


def test_vgg_loss_is_the_published_one(shared: Path) -> None:
    golden = torch.load(shared / "golden" / "spade_vgg_loss.pt", weights_only=True)
    network = Vgg19()
    network.load_torchvision(random_vgg_state())
    fake = golden["x"].clone().requires_grad_()
    loss = perceptual_loss(network, fake, golden["y"])
    loss.backward()
    assert loss.item() == pytest.approx(golden["loss"].item(), rel=1e-5)
    assert fake.grad is not None
    assert relative_norm(fake.grad, golden["grad_x"]) <= GRADIENT
    assert [list(x.shape) for x in network(golden["x"])] == golden["feature_shapes"]


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_vgg_taps(pooling: str) -> None:
    network = Vgg19(("relu1_2", "relu3_2"), pooling=pooling)
    shapes = [tuple(x.shape) for x in network(torch.zeros(1, 3, 16, 24))]
    assert shapes == [(1, 64, 16, 24), (1, 256, 4, 6)]
    assert len(network.convs) == 6
    assert not any(p.requires_grad for p in network.parameters())


def test_vgg_scalings_agree_on_the_colours_they_centre() -> None:
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None] * 2 - 1
    assert Vgg19(scaling="imagenet")._scale(mean).abs().max() < 1e-6
    assert Vgg19(scaling="caffe")._scale(mean).abs().max() < 0.5  # in 0..255
    assert torch.equal(Vgg19()._scale(mean), mean)


def test_vgg_without_weights_says_where_to_put_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(SemsynthError, match=r"vgg19-\*\.pth in .*checkpoints"):
        Vgg19.pretrained()
    with pytest.raises(SemsynthError, match="There is no file"):
        Vgg19.pretrained(tmp_path / "none.pth")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, folder / "vgg19-1.pth")
    with pytest.raises(SemsynthError, match=r"features\.0\.bias"):
        Vgg19.pretrained()
    (folder / "vgg19-1.pth").write_text("not weights")
    with pytest.raises(SemsynthError, match="cannot be read"):
        Vgg19.pretrained()


# ---- EfficientNet-Lite


def test_efficientnet_lite0_gives_the_recorded_logits() -> None:
    logits = EfficientNetLite.pretrained("lite0").logits(ramp(97, 130))[0]
    recorded = [-0.3001594, 1.5828492, 0.4021757, -1.1055113, 0.0678049]  # of timm's tf_efficientnet_lite0
    assert logits[:5].tolist() == pytest.approx(recorded, abs=1e-4)
    assert logits.norm().item() == pytest.approx(34.7530, abs=1e-3)
    assert logits.argmax() == 782


@pytest.mark.parametrize(
    ("variant", "channels"), [("lite0", (16, 24, 40, 112, 320)), ("lite2", (16, 24, 48, 120, 352))]
)
def test_efficientnet_stages(variant: str, channels: tuple[int, ...]) -> None:
    features = EfficientNetLite(variant)(ramp(65, 96))
    assert [tuple(x.shape[1:]) for x in features] == [
        (c, -(-65 // 2**i), -(-96 // 2**i)) for i, c in enumerate(channels, 1)
    ]


def test_efficientnet_passes_gradients_to_the_picture_alone() -> None:
    network = EfficientNetLite.pretrained()
    fake = ramp(48, 48).requires_grad_()
    loss = perceptual_loss(network, fake, ramp(48, 48).flip(3), (1.0,) * 5, relative=True)
    loss.backward()
    assert torch.isfinite(fake.grad).all()
    assert fake.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_efficientnet_refuses_other_weights() -> None:
    with pytest.raises(SemsynthError, match="holds 1 tensors"):
        EfficientNetLite().load_published({"a": torch.zeros(1)})
    with pytest.raises(ValueError, match="lite0, lite1, lite2"):
        EfficientNetLite("b0")


@pytest.mark.parametrize("side", [7, 8, 9, 10])
def test_same_padding_centres_the_window(side: int) -> None:
    conv = SameConv2d(1, 1, 3, stride=2)
    conv.weight.data.zero_()
    conv.bias.data.zero_()
    conv.weight.data[0, 0, 0, 0] = 1  # shows which pixel the first tap sees
    image = torch.arange(1.0, side * side + 1).reshape(1, 1, side, side)
    out = conv(image)
    assert out.shape[-1] == -(-side // 2)
    assert out[0, 0, 0, 0] == (0 if side % 2 else 1)  # TensorFlow pads an even side only below and right


def test_folding_a_batch_norm_changes_nothing() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    norm = [torch.rand(4, dtype=torch.float64) + 0.5 for _ in range(4)]
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    plain = F.batch_norm(F.conv2d(x, weight), norm[2], norm[3], norm[0], norm[1], eps=1e-3)
    folded, bias = fold_batch_norm(weight, norm, 1e-3)
    torch.testing.assert_close(F.conv2d(x, folded, bias), plain, rtol=0, atol=1e-12)


# ---- Inception


def random_inception_state(network: FidInception) -> dict[str, Tensor]:
    shapes: dict[str, torch.Size] = {f"fc.{name}": p.shape for name, p in network.fc.named_parameters()}
    for name, module in network.named_modules():
        if isinstance(module, Conv):
            shapes[f"{name}.conv.weight"] = module.conv.weight.shape
            for part in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{name}.bn.{part}"] = module.conv.weight.shape[:1]
    draw = torch.Generator().manual_seed(0)
    state = {}
    for key in sorted(shapes):
        shape = shapes[key]
        if key.endswith(("running_var", "bn.weight")):
            state[key] = torch.rand(shape, generator=draw) + 0.5
        elif len(shape) == 1:
            state[key] = torch.randn(shape, generator=draw) * 0.1
        else:
            state[key] = torch.randn(shape, generator=draw) * (2 / (shape.numel() / shape[0])) ** 0.5
    return state


def test_inception_gives_the_recorded_features() -> None:
    network = FidInception()
    state = random_inception_state(network)
    assert len(state) == 94 * 5 + 2
    network.load_published(state)
    image = ((ramp(80, 64) + 1) * 127.5).clamp(0, 255).to(torch.uint8)
    features, logits = network(image)
    # Recorded from torch-fidelity's network with the same random weights.
    assert features[0, :4].tolist() == pytest.approx([1.1067576, 0.0, 0.1594560, 1.6243618], abs=1e-4)
    assert features.norm().item() == pytest.approx(106.8670, abs=1e-2)
    assert logits[0, :4].tolist() == pytest.approx([-0.4966606, 1.7894143, 0.6779410, -5.3289337], abs=1e-4)
    with pytest.raises(ValueError, match="uint8"):
        network(image.float())
    state.pop("Mixed_7b.branch1x1.bn.bias")
    with pytest.raises(SemsynthError, match=r"Mixed_7b\.branch1x1\.bn\.bias"):
        network.load_published(state)


def test_resizing_like_tensorflow() -> None:
    image = torch.rand(1, 2, 6, 9)
    doubled = resize_like_tensorflow(image[:, :, :, :6], 12)
    torch.testing.assert_close(doubled[:, :, ::2, ::2], image[:, :, :, :6])  # no half-pixel shift
    halved = resize_like_tensorflow(image[:, :, :, :6], 3)
    torch.testing.assert_close(halved, image[:, :, ::2, :6:2])


def test_states_that_are_none(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(SemsynthError, match="state dictionary was expected"):
        read_state(tmp_path / "list.pth", "a network")

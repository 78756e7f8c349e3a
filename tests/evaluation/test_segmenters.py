"""The three kinds of segmenter, and what is refused."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.evaluation.programs import IMAGENET_MEAN, IMAGENET_STD
from semsynth.evaluation.segmenters import (
    MOST_ENLARGED,
    LogitSegmenter,
    load_segmenter,
    normalize,
)
from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig

NAMES = ("sky", "grass", "sand")


class Channels(nn.Module):
    """Says which of the three colour channels is strongest, at a quarter of the size."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(images, 4)


@pytest.fixture
def picture() -> Tensor:
    """Left half red, right half blue."""
    image = torch.full((1, 3, 32, 48), -1.0)
    image[:, 0, :, :24] = 1.0
    image[:, 2, :, 24:] = 1.0
    return image


def write_card(path: Path, **more: object) -> None:
    card = {"network": "channels", "names": list(NAMES), "mean": [0, 0, 0], "std": [1, 1, 1], **more}
    path.with_suffix(".json").write_text(json.dumps(card))


def expect_halves(ids: Tensor) -> None:
    assert ids.shape == (1, 32, 48)
    assert ids.dtype == torch.int64
    assert (ids[:, :, :20] == 0).all()
    assert (ids[:, :, 28:] == 2).all()


def test_a_torchscript_file(tmp_path: Path, picture: Tensor) -> None:
    path = tmp_path / "channels.pt"
    torch.jit.script(Channels()).save(str(path))
    write_card(path)
    segmenter = load_segmenter(path, trust=True)
    assert segmenter.names == NAMES
    assert segmenter.about["network"] == "channels"
    expect_halves(segmenter(picture))


def test_an_exported_file(tmp_path: Path, picture: Tensor) -> None:
    path = tmp_path / "channels.pt2"
    torch.export.save(torch.export.export(Channels(), (picture,)), str(path))
    write_card(path)
    expect_halves(load_segmenter(path, trust=True)(picture))


def test_our_own_sees_small_pictures_at_the_size_it_learned_at(tmp_path: Path) -> None:
    torch.manual_seed(0)
    PyramidSegmenter(SegmenterConfig(NAMES, encoder="scratch", width=8)).save(tmp_path)
    segmenter, model = load_segmenter(tmp_path), PyramidSegmenter.load(tmp_path).eval()
    small = torch.rand(1, 3, 64, 96) * 2 - 1
    large = nn.functional.interpolate(small, scale_factor=4.0, mode="bicubic").clamp(-1, 1)
    with torch.inference_mode():
        for given, seen in ((small, large), (large, large)):
            logits = nn.functional.interpolate(model.read(seen), size=given.shape[-2:], mode="bilinear")
            assert torch.equal(segmenter(given), logits.argmax(1))


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1), (16, 1024)])
def test_a_strip_is_enlarged_to_so_many_pixels_alone(tmp_path: Path, size: tuple[int, int]) -> None:
    PyramidSegmenter(SegmenterConfig(NAMES, encoder="scratch", width=8)).save(tmp_path)
    segmenter = load_segmenter(tmp_path)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        read = PyramidSegmenter.read
        patch.setattr(PyramidSegmenter, "read", lambda self, x: (seen.append(x.shape[-2:]), read(self, x))[1])
        assert segmenter(torch.zeros(1, 3, *size)).shape == (1, *size)
    factor = max(1, MOST_ENLARGED // max(size))
    assert seen == [(size[0] * factor, size[1] * factor)]


def test_a_transformers_folder(tmp_path: Path, picture: Tensor) -> None:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3],
        strides=[4, 2], num_attention_heads=[1, 2], mlp_ratios=[1, 1], decoder_hidden_size=16,
        id2label=dict(enumerate(NAMES)), label2id={name: i for i, name in enumerate(NAMES)},
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.SegformerForSemanticSegmentation(config).eval()
    model.save_pretrained(tmp_path)
    segmenter = load_segmenter(tmp_path)
    assert segmenter.names == NAMES
    assert segmenter.about["network"] == "segformer"
    with torch.no_grad():
        logits = model(pixel_values=normalize(picture, IMAGENET_MEAN, IMAGENET_STD)).logits
    expected = nn.functional.interpolate(logits, size=(32, 48), mode="bilinear", align_corners=False).argmax(
        1
    )
    assert torch.equal(segmenter(picture), expected)


def test_our_own_folder(tmp_path: Path, picture: Tensor) -> None:
    torch.manual_seed(0)
    model = PyramidSegmenter(SegmenterConfig(NAMES, "scratch", width=16)).eval()
    model.save(tmp_path)
    segmenter = load_segmenter(tmp_path)
    assert segmenter.names == NAMES
    assert segmenter.about["network"] == "scratch"
    assert segmenter(picture).shape == (1, 32, 48)


def test_normalisation_is_that_of_values_between_zero_and_one(picture: Tensor) -> None:
    expected = ((picture + 1) / 2 - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(
        IMAGENET_STD
    ).view(3, 1, 1)
    assert torch.allclose(normalize(picture, IMAGENET_MEAN, IMAGENET_STD), expected)


def test_what_is_no_segmenter_says_so(tmp_path: Path, picture: Tensor) -> None:
    with pytest.raises(SemsynthError, match="is no segmenter"):
        load_segmenter(tmp_path)
    with pytest.raises(SemsynthError, match="no bundled segmenter 'pretrained:nobody'"):
        load_segmenter("pretrained:nobody")
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(SemsynthError, match=r"needs weights\.json beside it"):
        load_segmenter(path)
    write_card(path)
    with pytest.raises(SemsynthError, match=r"neither a TorchScript nor .* state dict is not enough"):
        load_segmenter(path)
    two = LogitSegmenter(("a", "b"), {"network": "three channels"}, Channels())
    with pytest.raises(SemsynthError, match=r"three channels gave a tensor of shape \(1, 3, 8, 12\)"):
        two(picture)

"""Resize rules and feature extractors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.evaluation.features import (
    RESIZE_RULES,
    FeatureExtractor,
    inception_extractor,
    resize_clean,
    resize_pytorch_fid,
    resize_tf1,
)
from semsynth.evaluation.frechet import FeatureSpace


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None]


def averages(resize: str) -> FeatureExtractor:
    """An extractor whose features are the means of a 4 x 4 grid."""
    space = FeatureSpace("averages", "0", "all", resize, 48)
    pool = torch.nn.AdaptiveAvgPool2d(4)
    return FeatureExtractor(space, 32, lambda x: pool(x).flatten(1))


@pytest.mark.parametrize("rule", RESIZE_RULES)
def test_a_flat_picture_stays_flat_and_the_range_is_kept(rule: str) -> None:
    for level in (0, 100, 255):
        out = RESIZE_RULES[rule](tensor(np.full((20, 30, 3), level, np.uint8)), 17)
        assert out.shape == (1, 3, 17, 17)
        assert out.std() < 1e-6
        assert out.mean().item() == pytest.approx(level / 127.5 - 1, abs=0.009)  # (x - 128) / 128 is near it


def test_tf1_samples_at_corners_and_pytorch_fid_at_centres() -> None:
    ramp = tensor(np.broadcast_to(np.arange(0, 80, 10, dtype=np.uint8)[None, :, None], (8, 8, 3)).copy())
    corner = resize_tf1(ramp, 4)[0, 0, 0] * 128 + 128
    centre = (resize_pytorch_fid(ramp, 4)[0, 0, 0] + 1) * 127.5
    assert corner.tolist() == pytest.approx([0, 20, 40, 60], abs=1e-3)
    assert centre.tolist() == pytest.approx([5, 25, 45, 65], abs=1e-3)


def test_clean_is_antialiased_and_does_not_overshoot() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    spread = {rule: RESIZE_RULES[rule](tensor(stripes), 15).std().item() for rule in ("tf1", "clean")}
    assert spread["clean"] < 0.05 < spread["tf1"]
    edge = np.zeros((8, 8, 3), np.uint8)
    edge[:, 4:] = 255
    enlarged = resize_clean(tensor(edge), 64) * 128 + 128
    assert enlarged.min() >= 0
    assert enlarged.max() <= 255
    eight_bit = np.asarray(Image.fromarray(edge).resize((64, 64), Image.Resampling.BICUBIC))
    assert np.abs(enlarged[0].permute(1, 2, 0).numpy() - eight_bit).max() <= 1  # Pillow rounds; we do not


def test_batches_and_sizes_change_nothing() -> None:
    pictures = [picture(20, 30), picture(64, 64, 1), picture(33, 47, 2)]
    extractor = averages("clean")
    together = extractor.all(pictures, "three", batch_size=2)
    alone = np.concatenate([extractor([p]) for p in pictures])
    np.testing.assert_allclose(together.values, alone, atol=1e-6)
    assert together.values.dtype == np.float64


def test_what_is_no_inception_file_says_so(tmp_path: Path) -> None:
    weights = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(10, 2048)}, weights)
    with pytest.raises(SemsynthError, match="is not the FID's Inception"):
        inception_extractor(weights, "pytorch-fid")
    with pytest.raises(SemsynthError, match="no file"):
        inception_extractor(tmp_path / "absent.pth", "pytorch-fid")
    with pytest.raises(SemsynthError, match="pytorch-fid, tf1, clean"):
        inception_extractor(weights, "lanczos")
    with pytest.raises(SemsynthError, match="no pictures in an empty folder"):
        averages("clean").all([], "an empty folder")

"""SIMS as a whole: labels in, picture out, from a bank."""

import copy

import numpy as np
import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from semsynth.models.sims import SegmentBank, SIMSGenerator, build_bank
from semsynth.models.sims.alignment import identity
from tests.models.sims.conftest import SIZE, World


@pytest.fixture
def network(bank: SegmentBank) -> SIMSGenerator:
    torch.manual_seed(0)
    network = SIMSGenerator(num_classes=5, width=2).eval()
    network.attach(bank)
    return network


def test_the_three_networks_have_the_published_sizes() -> None:
    with torch.device("meta"):
        network = SIMSGenerator(num_classes=20, ordering=True)
    assert network.order is not None
    sizes = [
        sum(p.numel() for p in part.parameters()) / 1e6
        for part in (network.refine, network.align, network.order)
    ]
    assert [round(size, 1) for size in sizes] == [55.7, 14.7, 15.3]


def test_a_stored_label_map_brings_its_photograph_back(network: SIMSGenerator) -> None:
    raw = World().read(4)
    canvas = network.canvas(raw.labels)
    kept = canvas.filled & ~(canvas.pixels == 1).all(2)
    assert kept.mean() > 0.5
    np.testing.assert_allclose(canvas.pixels[kept], raw.image[kept] / np.float32(255), atol=1e-6)
    assert np.array_equal(canvas.labels, raw.labels)
    other = network.canvas(raw.labels, exclude=[4])
    assert not np.array_equal(other.labels, raw.labels)


@torch.no_grad()
def test_it_draws_the_same_twice_and_at_any_valid_size(network: SIMSGenerator) -> None:
    labels = torch.from_numpy(np.stack([World().read(i).labels for i in (20, 21)]))
    image = network(labels)
    assert image.shape == (2, 3, *SIZE)
    assert image.abs().max() <= 1
    assert torch.equal(network(labels), image)
    torch.testing.assert_close(network(labels[1:]), image[1:], atol=1e-5, rtol=0)
    larger = labels.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert network(larger).shape == (2, 3, 128, 256)
    with pytest.raises(SemsynthError, match="64x192"):
        network(torch.zeros(1, 64, 130, dtype=torch.long))


@torch.no_grad()
def test_a_trained_alignment_is_used_and_a_bad_one_is_not(network: SIMSGenerator) -> None:
    labels = World().read(20).labels
    plain = network.canvas(labels)
    far = identity(1).clone()
    far[:, :, 2] = 5.0  # throws every segment out of the picture
    network.align.bias.copy_(far.flatten())
    assert np.array_equal(network.canvas(labels).labels, plain.labels)
    network.align.bias.copy_((identity(1) * 1.1).flatten())
    assert not np.array_equal(network.canvas(labels).labels, plain.labels)


@torch.no_grad()
def test_an_ordering_network_is_asked_where_there_is_one(bank: SegmentBank) -> None:
    network = SIMSGenerator(num_classes=5, width=2, ordering=True).eval()
    network.attach(bank)
    asked = []
    assert network.order is not None
    network.order.register_forward_hook(lambda *_: asked.append(True))
    network.canvas(World().read(20).labels)
    assert asked


def test_the_config_names_the_bank_and_rebuilds_the_network(network: SIMSGenerator) -> None:
    rebuilt = SIMSGenerator(**network.config).eval()
    rebuilt.load_state_dict(network.state_dict())
    labels = torch.from_numpy(World().read(20).labels)[None]
    assert torch.equal(rebuilt(labels), network(labels))


def test_a_copy_shares_the_bank(network: SIMSGenerator) -> None:
    assert copy.deepcopy(network).bank is network.bank


def test_without_a_bank_or_with_anothers_it_says_so(tmp_path, network: SIMSGenerator) -> None:
    with pytest.raises(SemsynthError, match="no memory bank"):
        SIMSGenerator(num_classes=5, width=2)(torch.zeros(1, 64, 64, dtype=torch.long))
    with pytest.raises(SemsynthError, match="not a memory bank"):
        SIMSGenerator(num_classes=5, width=2, bank=str(tmp_path))(torch.zeros(1, 64, 64, dtype=torch.long))
    with pytest.raises(SemsynthError, match="5 classes, the network 6"):
        SIMSGenerator(num_classes=6, width=2).attach(network.bank)


def test_real_photographs_make_a_bank(shared, tmp_path) -> None:
    from PIL import Image

    root = shared / "data" / "siftflow" / "val"
    files = sorted((root / "images").glob("*.jpg"))[:6]

    class Photographs(World):
        label_space = LabelSpace.named("siftflow")

        def read(self, index: int):
            labels = Image.open(root / "labels" / f"{files[index].stem}.png")
            image = Image.open(files[index]).convert("RGB")
            return type(super().read(0))(
                np.asarray(image), np.asarray(labels).astype(np.int64), files[index].stem
            )

    source = Photographs(6)
    bank = build_bank(source, tmp_path / "bank", (64, 64))
    network = SIMSGenerator(num_classes=34, width=2).eval()
    network.attach(bank)
    canvas = network.canvas(source.read(2).labels)
    kept = canvas.filled & ~(canvas.pixels == 1).all(2)
    np.testing.assert_allclose(canvas.pixels[kept], bank.images[2][kept] / np.float32(255), atol=1e-6)

"""The same numbers as torch-fidelity and torchmetrics, on the same random-weight network and pictures."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from semsynth.evaluation.features import inception_extractor
from semsynth.evaluation.frechet import Features, frechet_distance
from semsynth.evaluation.kernel import kernel_distance
from semsynth.evaluation.segmentation import ConfusionMatrix
from semsynth.models.features import FidInception

pytestmark = pytest.mark.slow

COUNT, SIDE = 16, 48


def need(package: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: no parity with it (pip install 'semsynth[parity]')")


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under the published names; scaled so that features neither vanish nor explode."""
    network, draw = FidInception(), torch.Generator().manual_seed(0)
    state = {
        f"fc.{name}": torch.randn(p.shape, generator=draw) * 0.02 for name, p in network.fc.named_parameters()
    }
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            weight, norm = module.weight, name.removesuffix("conv") + "bn"
            scale = (2 / weight[0].numel()) ** 0.5
            state[f"{name}.weight"] = torch.randn(weight.shape, generator=draw) * scale
            state[f"{norm}.weight"] = torch.rand(len(weight), generator=draw) + 0.5
            state[f"{norm}.bias"] = torch.randn(len(weight), generator=draw) * 0.1
            state[f"{norm}.running_mean"] = torch.randn(len(weight), generator=draw) * 0.1
            state[f"{norm}.running_var"] = torch.rand(len(weight), generator=draw) + 0.5
    path = tmp_path_factory.mktemp("inception") / "weights-inception-2015-12-05-test.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of blotches, one warm and one cold, with finer grain."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, tint, grain in (("warm", (210, 140, 80), 6), ("cold", (70, 120, 220), 12)):
        (root / name).mkdir()
        for i in range(COUNT):
            coarse = rng.normal(tint, 50, (grain, grain, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(
                root / name / f"{i:02}.png"
            )
    return [root / "warm", root / "cold"]


def test_fid_and_kid_are_those_of_torch_fidelity(inception_file: Path, folders: list[Path]) -> None:
    need("torch_fidelity")
    # In a process of its own: the package imports half of the environment.
    code = (
        "import json, sys, torch, torch_fidelity\n"
        "torch.set_num_threads(2)\n"
        "found = torch_fidelity.calculate_metrics(input1=sys.argv[1], input2=sys.argv[2], fid=True, "
        "kid=True, cuda=False, verbose=False, batch_size=8, cache=False, "
        "feature_extractor_weights_path=sys.argv[3], "
        f"kid_subsets=1, kid_subset_size={COUNT})\n"
        "print(json.dumps(found))\n"
    )
    arguments = [sys.executable, "-c", code, *map(str, folders), str(inception_file)]
    answer = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    theirs = json.loads(answer.splitlines()[-1])
    extractor = inception_extractor(inception_file, "tf1")
    ours: list[Features] = []
    for folder in folders:
        pictures = [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]
        ours.append(extractor.all(pictures, folder.name, batch_size=8))
    assert frechet_distance(*ours) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-3)
    distance, _ = kernel_distance(*ours, subsets=1)
    assert distance == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-3)


def test_the_confusion_matrix_is_that_of_torchmetrics() -> None:
    need("torchmetrics")
    k, rng = 5, np.random.default_rng(7)
    truth, predicted = rng.integers(0, k + 1, 5000), rng.integers(0, k, 5000)
    code = (
        "import json, sys, torch\n"
        "from torchmetrics.functional import classification as c\n"
        "truth, predicted = torch.tensor(json.load(sys.stdin))\n"
        f"matrix = c.multiclass_confusion_matrix(predicted, truth, {k + 1})\n"
        f"iou = c.multiclass_jaccard_index(predicted, truth, {k + 1}, average='none', ignore_index={k})\n"
        "print(json.dumps([matrix.tolist(), iou.tolist()]))\n"
    )
    given = json.dumps([truth.tolist(), predicted.tolist()])
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, input=given
    ).stdout
    counts, iou = json.loads(answer.splitlines()[-1])
    matrix = ConfusionMatrix(k)
    matrix.add(truth, predicted)
    assert np.array_equal(matrix.counts, np.array(counts))
    assert matrix.scores("ignored").class_iou == pytest.approx(iou[:k], rel=1e-6)

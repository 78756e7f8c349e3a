"""Norms: torch's own numbers in one process, and over two processes those of the whole batch in one."""

import tempfile
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from torch import Tensor

from semsynth.ops.norm import BatchNorm2d, InstanceNorm2d, parameter_free_norm


@pytest.mark.parametrize("affine", [False, True])
def test_training_is_torchs_batch_norm(affine: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = BatchNorm2d(4, affine=affine), torch.nn.BatchNorm2d(4, affine=affine)
    for _ in range(3):
        x = torch.randn(3, 4, 5, 6) * 2 + 3
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    x = torch.randn(1, 4, 2, 2)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_state_is_that_of_torch_but_for_the_counter() -> None:
    theirs = set(torch.nn.BatchNorm2d(4).state_dict()) - {"num_batches_tracked"}
    assert set(BatchNorm2d(4, affine=True).state_dict()) == theirs


def test_repeat_counts_only_in_the_unbiased_variance() -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    small, large = (BatchNorm2d(3).double() for _ in range(2))
    grown = F.interpolate(small(x, repeat=4), scale_factor=2)
    torch.testing.assert_close(grown, large(F.interpolate(x, scale_factor=2)), atol=1e-12, rtol=0)
    torch.testing.assert_close(small.running_var, large.running_var, atol=1e-12, rtol=0)


def test_a_single_value_has_no_variance() -> None:
    with pytest.raises(ValueError, match="single value per channel"):
        BatchNorm2d(3)(torch.randn(1, 3, 1, 1))
    repeated = BatchNorm2d(3)(torch.randn(1, 3, 1, 1), repeat=4)  # 2x2 after upsampling: all alike
    assert torch.equal(repeated, torch.zeros(1, 3, 1, 1))
    assert torch.equal(InstanceNorm2d(3)(torch.randn(2, 3, 1, 1)), torch.zeros(2, 3, 1, 1))


def test_instance_norm_sees_one_picture_in_training_and_after() -> None:
    norm, x = InstanceNorm2d(3), torch.randn(2, 3, 5, 4) * 3 + 1
    assert not norm.state_dict()
    assert torch.equal(norm.train()(x), norm.eval()(x))
    torch.testing.assert_close(norm(x)[1:], norm(x[1:]))
    torch.testing.assert_close(norm(x).mean((2, 3)), torch.zeros(2, 3), atol=1e-6, rtol=0)


def test_kinds() -> None:
    assert isinstance(parameter_free_norm("instance", 3), InstanceNorm2d)
    for kind, sync in (("batch", False), ("sync_batch", True)):
        norm = parameter_free_norm(kind, 3)
        assert isinstance(norm, BatchNorm2d)
        assert norm.sync is sync
        assert not list(norm.parameters())
    with pytest.raises(ValueError, match="sync_batch, batch, instance"):
        parameter_free_norm("group", 3)


# ---- two processes


def _batch() -> Tensor:
    return torch.randn(4, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 + 5


def _run(norm: BatchNorm2d, x: Tensor) -> dict[str, Tensor]:
    """Output, gradients of a loss that differs from pixel to pixel, and statistics."""
    x = x.clone().requires_grad_()
    y = norm(x)
    y.pow(3).sum().backward()
    assert x.grad is not None
    assert norm.weight is not None
    assert norm.weight.grad is not None
    return {
        "y": y.detach(),
        "grad": x.grad,
        "weight_grad": norm.weight.grad,
        "mean": norm.running_mean,
        "var": norm.running_var,
    }


def _process(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    norm = BatchNorm2d(3, affine=True).double()
    torch.save(_run(norm, _batch()[2 * rank : 2 * rank + 2]), Path(folder) / f"{rank}.pt")
    alone = BatchNorm2d(3, affine=True, sync=False).double()
    torch.save(_run(alone, _batch()[2 * rank : 2 * rank + 2]), Path(folder) / f"alone{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_are_one_with_the_whole_batch() -> None:
    whole = _run(BatchNorm2d(3, affine=True).double(), _batch())
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(_process, args=(folder,), nprocs=2)
        halves = [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(2)]
        alone = torch.load(Path(folder) / "alone0.pt", weights_only=True)
    for name in ("y", "grad"):
        torch.testing.assert_close(torch.cat([half[name] for half in halves]), whole[name], atol=1e-9, rtol=0)
    for name in ("mean", "var"):
        for half in halves:
            torch.testing.assert_close(half[name], whole[name], atol=1e-12, rtol=0)
    total = halves[0]["weight_grad"] + halves[1]["weight_grad"]
    torch.testing.assert_close(total, whole["weight_grad"], atol=1e-9, rtol=0)
    expected = _run(BatchNorm2d(3, affine=True).double(), _batch()[:2])
    torch.testing.assert_close(alone["y"], expected["y"])  # `sync=False` keeps to itself

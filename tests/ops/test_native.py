"""The native kernels against public operations, on every instruction set this processor has."""

from collections.abc import Iterator

import pytest
import torch

from semsynth.ops import native, processor
from semsynth.ops.pyramid import distinct_patches

pytestmark = pytest.mark.skipif(not native.available(), reason=f"kernels: {native.describe()}")


@pytest.fixture(params=processor.available())
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    if not native.use_level(request.param):
        pytest.skip(f"the level here is {processor.level()}, below {request.param}")
    yield request.param
    native.use_level(processor.level())


def test_the_library_finds_the_same_levels() -> None:
    """For every mix of features, also of processors that are not here; the bits are those of levels.h."""
    if len(processor.LEVELS) == 1:
        pytest.skip("there is one level")
    bits = ["avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16", "amx"]
    for mask in range(1 << len(bits)):
        flags = {bit for place, bit in enumerate(bits) if mask >> place & 1}
        flags |= {"amx_tile", "amx_bf16"} if "amx" in flags else set()
        found = native.library().semsynth_level_of(mask)
        assert processor.LEVELS[found] == processor.level_of(flags), flags


def test_the_best_set_below_the_level_computes(kernels: str) -> None:
    name = native.library().semsynth_kernels().decode()
    assert name == ("avx512_bf16" if kernels == "amx" else kernels)
    assert not native.library().semsynth_matrix_unit() or kernels == "amx"


def test_a_library_of_other_structs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_struct_sizes", lambda _: [8] * 7)
    library, why = native._load.__wrapped__()
    assert library is None
    assert "built from other sources" in why


def blobs(batch: int, height: int, width: int, classes: int, seed: int = 0) -> torch.Tensor:
    coarse = torch.randint(0, classes, (batch, 4, 5), generator=torch.Generator().manual_seed(seed))
    rows = torch.arange(height) * 4 // height
    columns = torch.arange(width) * 5 // width
    return coarse[:, rows[:, None], columns]


@pytest.mark.parametrize("side", [1, 3, 5, 7])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 7, 5), (3, 32, 40)])
def test_windows_partition_the_pixels_as_public_operations_do(
    side: int, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = blobs(*shape, classes=6) + 1
    numbers, windows = native.number_windows(ids.int(), side)
    monkeypatch.setattr(native, "numbers_windows", lambda *_: False)
    plain_numbers, plain_windows = distinct_patches(ids, side, 7)
    assert len(windows) == len(plain_windows) == int(numbers.max()) + 1
    assert torch.equal(windows[numbers.long()], plain_windows[plain_numbers.long()])


def test_windows_that_differ_in_one_id_get_different_numbers() -> None:
    ids = torch.arange(1, 40 * 50 * 3 + 1, dtype=torch.int32).view(3, 40, 50)
    numbers, windows = native.number_windows(ids, 3)
    assert len(windows) == ids.numel()
    assert torch.equal(numbers.flatten(), torch.arange(ids.numel(), dtype=torch.int32))


def test_groups_are_a_stable_sort() -> None:
    numbers = torch.randint(0, 9, (4, 10, 11), dtype=torch.int32)
    start, order = native.group(numbers, 9)
    assert torch.equal(order.long(), torch.argsort(numbers.flatten(), stable=True))
    assert torch.equal(start.diff().long(), torch.bincount(numbers.flatten().long(), minlength=9))


@pytest.mark.parametrize("channels", [3, 16, 40])
@pytest.mark.parametrize("per_sample", [False, True])
def test_moments_survive_a_large_mean(kernels: str, channels: int, per_sample: bool) -> None:
    x = torch.randn(3, 30, 21, channels) + 1000 * torch.arange(1, channels + 1)
    mean, variance = native.moments(x, per_sample=per_sample)
    axes = (1, 2) if per_sample else (0, 1, 2)
    wide = x.double()
    torch.testing.assert_close(mean.double(), wide.mean(axes).view_as(mean), rtol=1e-6, atol=1e-6)
    expected = wide.var(axes, correction=0).view_as(variance)
    torch.testing.assert_close(variance.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("width", [5, 32, 40])
def test_lookup_and_its_gradient(kernels: str, width: int) -> None:
    table = torch.randn(9, 12, width, requires_grad=True)
    bias = torch.randn(width)
    patches = torch.randint(0, 12, (50, 9), dtype=torch.int32)
    expected = bias + table[torch.arange(9), patches.long()].sum(1)
    out = torch.empty(50, width)
    native.lookup(table.detach(), bias, patches, out, relu=False)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    grad = torch.randn(50, width)
    expected.backward(grad)
    torch.testing.assert_close(native.lookup_backward(grad, patches, 12), table.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sum_of_groups(kernels: str, dtype: torch.dtype) -> None:
    numbers = torch.randint(0, 6, (70,), dtype=torch.int32)
    values = torch.randn(70, 21).to(dtype)
    expected = torch.zeros(7, 21).index_add_(0, numbers.long(), values.float())
    out = native.sum_groups(values, native.group(numbers, 7))
    torch.testing.assert_close(
        out.float(), expected.to(dtype).float(), rtol=1e-2 if dtype != torch.float32 else 1e-5, atol=1e-5
    )
    assert not out[6].any()  # an empty group


def test_nan_stays_nan(kernels: str) -> None:
    values = torch.tensor([[float("nan"), float("inf"), 1.0]]).bfloat16()
    out = native.sum_groups(values, native.group(torch.zeros(1, dtype=torch.int32), 1))
    assert out[0, 0].isnan()
    assert out[0, 1].isinf()

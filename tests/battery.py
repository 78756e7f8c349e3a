"""What every generator must do, whatever its family: a list of checks, each given a way to build it.

Add a family by one row in `tests/models/test_battery.py`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.hub import Model, load_model, save_model
from semsynth.labels import LabelSpace
from semsynth.models import create_model
from semsynth.models.base import GeneratorModule

Build = Callable[[], GeneratorModule]


def inputs(model: GeneratorModule, batch: int = 1, *, seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    """A wide label map of rectangles, and what else the network wants."""
    draws = torch.Generator().manual_seed(seed)
    height, width = model.valid_size(1, 1)
    cells = torch.randint(0, model.num_classes, (batch, 4, 8), generator=draws)
    labels = cells.repeat_interleave(-(-height // 4), 1).repeat_interleave(-(-2 * width // 8), 2)
    labels = labels[:, :height, : 2 * width].contiguous()
    others = {}
    if model.style_dim is not None:
        others["style"] = torch.randn(batch, model.style_dim, generator=draws)
    if model.uses_instances:
        others["instances"] = torch.randint(0, 3, labels.shape, generator=draws)
    return labels, others


def draw(model: GeneratorModule, batch: int = 1, *, seed: int = 0) -> Tensor:
    """A picture in evaluation mode."""
    labels, others = inputs(model, batch, seed=seed)
    with torch.no_grad():
        return model.eval()(labels, **others)  # type: ignore[no-any-return]


def check_picture(build: Build) -> None:
    """Wide or high, one or two: finite pictures of the map's size in [-1, 1]."""
    model = build()
    for batch in (1, 2):
        labels, others = inputs(model, batch)
        if others.get("style") is None and model.valid_size(8, 8)[0] <= 64:
            labels, others = labels.mT.contiguous(), {k: v.mT.contiguous() for k, v in others.items()}
        with torch.no_grad():
            image = model.eval()(labels, **others)
        assert image.shape == (batch, 3, *labels.shape[1:])
        assert image.isfinite().all()
        assert image.abs().max() <= 1
        assert image.std() > 0


def check_determinism(build: Build) -> None:
    """The same input gives the same numbers, drawn twice, and in a batch as alone."""
    model = build()
    both = draw(model, 2)
    assert torch.equal(both, draw(model, 2))
    labels, others = inputs(model, 2)
    with torch.no_grad():
        alone = model(labels[1:], **{name: value[1:] for name, value in others.items()})
    torch.testing.assert_close(alone, both[1:], atol=2e-5, rtol=1e-4)


def check_modes_agree(build: Build) -> None:
    """Dense planes and distinct patches give the same picture."""
    model = build().double()
    labels, others = inputs(model)
    others = {k: v.double() if v.is_floating_point() else v for k, v in others.items()}
    pictures = []
    for mode in ("dense", "patches"):
        model.label_mode = mode  # type: ignore[assignment]
        with torch.no_grad():
            pictures.append(model.eval()(labels, **others))
    torch.testing.assert_close(*pictures, atol=1e-9, rtol=0)


def check_wrong_input(build: Build) -> None:
    """Each mistake is a sentence that says what is allowed."""
    model = build().eval()
    labels, others = inputs(model)
    height, width = labels.shape[1:]
    wrong = labels.clone()
    wrong[0, 0, 0] = model.num_classes
    with pytest.raises(
        SemsynthError, match=rf"id {model.num_classes} at 1 pixels.*0\.\.{model.num_classes - 1}"
    ):
        model(wrong, **others)
    with pytest.raises(SemsynthError, match="id -1"):
        model(labels * 0 - 1, **others)
    with pytest.raises(SemsynthError, match="int64"):
        model(labels.float(), **others)
    if model.stride > 1:
        odd = torch.zeros(1, height + 1, width, dtype=torch.int64)
        following = "x".join(map(str, model.valid_size(height + 1, width)))
        with pytest.raises(SemsynthError, match=f"next valid size is {following}"):
            model(odd, **{k: v for k, v in others.items() if k == "style"})
    if model.uses_instances:
        with pytest.raises(SemsynthError, match="instance map"):
            model(labels, **(others | {"instances": labels[:, :-1]}))


def check_valid_size(build: Build) -> None:
    """The next valid size is valid, no smaller than asked, and its own next."""
    model = build()
    for size in ((1, 1), (33, 70), (64, 64), (100, 257)):
        valid = model.valid_size(*size)
        assert valid[0] >= size[0]
        assert valid[1] >= size[1]
        assert model.valid_size(*valid) == valid


def check_gradients(build: Build) -> None:
    """Training reaches every parameter."""
    model = build().train()
    labels, others = inputs(model, 2)
    image = model(labels, **others)
    (image * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    idle = [name for name, p in model.named_parameters() if p.dim() > 1 and not p.grad.any()]  # type: ignore[union-attr]
    assert not idle


def check_config(build: Build) -> None:
    """`config` says all that is needed to build the same network again."""
    from semsynth.hub import generator_name

    model = build()
    again = create_model(generator_name(model), **model.config)
    again.load_state_dict(model.state_dict())
    assert torch.equal(draw(again), draw(model))


def check_folder(build: Build, folder: Path) -> None:
    """A model folder gives the picture back: bit for bit in float32, nearly in bfloat16."""
    model = build()
    expected = draw(model)
    classes = [f"class {i}" for i in range(model.num_classes)]
    space = LabelSpace.from_dict({"name": "some", "classes": classes})
    held = Model(model, space, model.valid_size(64, 64))
    loaded = load_model(save_model(folder / "exact", held))
    assert torch.equal(draw(loaded.generator), expected)
    assert loaded.label_space == space
    small = load_model(save_model(folder / "small", held, dtype="bfloat16"))
    assert (draw(small.generator) - expected).abs().mean() < 0.05


def check_bfloat16(build: Build) -> None:
    """Under autocast the picture is nearly that of float32."""
    model = build()
    expected = draw(model)
    with torch.autocast("cpu", torch.bfloat16):
        image = draw(model)
    assert image.isfinite().all()
    assert (image.float() - expected).abs().mean() < 0.1


def check_style(build: Build) -> None:
    """A style changes the picture, and none is a sentence."""
    model = build().eval()
    if model.style_dim is None:
        pytest.skip("this network has no style")
    labels, others = inputs(model)
    with torch.no_grad():
        one = model(labels, **others)
        other = model(labels, **(others | {"style": others["style"] + 1}))
        assert not torch.equal(one, other)
        with pytest.raises(SemsynthError, match="style"):
            model(labels, **(others | {"style": None}))


def check_instances(build: Build) -> None:
    """Instances matter by their boundaries alone; where none are given, boundaries of classes are taken."""
    model = build().eval()
    if not model.uses_instances:
        pytest.skip("this network sees no instances")
    labels, others = inputs(model)
    with torch.no_grad():
        given = model(labels, **others)
        renamed = model(labels, **(others | {"instances": 7 - 3 * others["instances"]}))
        by_class = model(labels, **(others | {"instances": labels}))
        absent = model(labels, **(others | {"instances": None}))
    assert torch.equal(given, renamed)
    assert not torch.equal(given, by_class)
    assert torch.equal(by_class, absent)


CHECKS: dict[str, Callable[[Build], None]] = {
    "picture": check_picture,
    "determinism": check_determinism,
    "modes agree": check_modes_agree,
    "wrong input": check_wrong_input,
    "valid size": check_valid_size,
    "gradients": check_gradients,
    "config": check_config,
    "bfloat16": check_bfloat16,
    "style": check_style,
    "instances": check_instances,
}

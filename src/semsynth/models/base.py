"""What every generator is, and the checks they share."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.ops.edges import instance_edges, one_hot
from semsynth.ops.pyramid import LabelPyramid, Mode
from semsynth.ops.recompute import recomputed

Network = TypeVar("Network", bound=type[nn.Module])


def configured(network: Network) -> Network:
    """Decorate a network's class: `config` holds the constructor's arguments, defaults included."""
    construct: Callable[..., None] = network.__init__
    signature = inspect.signature(construct)

    @functools.wraps(construct)
    def record(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        if "config" not in vars(self):  # else a subclass has recorded its own
            given = signature.bind(self, *args, **kwargs)
            given.apply_defaults()
            config = {name: value for name, value in given.arguments.items() if name != "self"}
            object.__setattr__(self, "config", config)  # nn.Module has not been set up yet
        construct(self, *args, **kwargs)

    network.__init__ = record  # type: ignore[method-assign]
    return network


class GeneratorModule(nn.Module):
    """Labels in, picture out: the interface of every family, and what they share. A family defines `draw`.

    Attributes:
        num_classes: K, ids 0..K-1.
        uses_instances: whether an instance edge channel goes in.
        style_dim: width Z of the style, None where the network takes none.
        stride: height and width must be multiples of it.
        config: the keyword arguments that rebuild this network with `create_model`, see `configured`.
        label_mode: how its layers compute from labels, see `LabelPyramid`.
        noise_period: after how many rows and columns the fixed noise repeats: each offset below is another
            picture of the same labels and style. 0 where there is none; `noise_offset` is ignored then.
        recompute: in training, keep only the blocks' inputs and compute the blocks again in the backward
            pass: less memory for a third more time.
    """

    config: dict[str, Any]

    can_recompute: ClassVar[bool] = False
    """Whether the family calls its blocks by `run`."""

    class_styles: ClassVar[bool] = False
    """Whether a style may have a row per class, (B, K, Z)."""

    min_cells: ClassVar[int] = 1
    """Least height and width of a picture in units of the stride."""

    def __init__(
        self, *, num_classes: int, stride: int, uses_instances: bool = False, style_dim: int | None = None
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes is {num_classes}; a label map has at least one class")
        self.num_classes = num_classes
        self.uses_instances = uses_instances
        self.style_dim = style_dim
        self.stride = stride
        self.noise_period = 0
        self.label_mode: Mode = "auto"
        self.recompute = False

    def forward(
        self,
        labels: Tensor,
        *,
        style: Tensor | None = None,
        instances: Tensor | None = None,
        noise_offset: Tensor | None = None,
    ) -> Tensor:
        """Draw.

        Args:
            labels: (B, H, W) int64, ids 0..K-1; H and W as `valid_size` gives them.
            style: (B, Z) for a network with a style; (B, K, Z), a row per class, where `class_styles` says
                so. Some families take one per pixel.
            instances: (B, H, W) integer ids, see `pyramid`.
            noise_offset: (B, 2) or (1, 2) int64, rows and columns by which the fixed noise is moved; None is
                no move. A network without fixed noise draws the same picture at every offset.

        Returns:
            (B, 3, H, W) in [-1, 1].

        Raises:
            SemsynthError: labels, instances or a style that do not fit.
        """
        return self.draw(self.pyramid(labels, instances), style, noise_offset)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """`forward` from a prepared pyramid, which several calls may share."""
        raise NotImplementedError

    @property
    def label_channels(self) -> int:
        """Planes of the dense conditioning: the classes, and the instance edges where used."""
        return self.num_classes + self.uses_instances

    def valid_size(self, height: int, width: int) -> tuple[int, int]:
        """The smallest size this network can draw that is no smaller than (height, width)."""
        rows, columns = (max(self.min_cells, -(-side // self.stride)) for side in (height, width))
        return rows * self.stride, columns * self.stride

    def run(self, block: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Call a block; with `recompute`, keep what goes in alone and compute it again for the gradient."""
        if self.recompute and torch.is_grad_enabled():
            return recomputed(block, *args, **kwargs)
        return block(*args, **kwargs)

    def enable_recompute(self) -> None:
        """Set `recompute`.

        Raises:
            SemsynthError: The family does not call its blocks by `run`.
        """
        if not self.can_recompute:
            raise SemsynthError(
                f"run.recompute is true, but {type(self).__name__} cannot compute its blocks again in the "
                "backward pass. Set it to false; for less memory, raise run.accumulate."
            )
        self.recompute = True

    def start_from(self, smaller: "GeneratorModule") -> None:
        """Take over a trained network: one of the same shape or, in some families, one for smaller pictures.

        Raises:
            RuntimeError: the shapes differ.
            SemsynthError: likewise, in a sentence.
        """
        self.load_state_dict(smaller.state_dict())

    def rebase_style(self, mean: Tensor, factor: Tensor) -> None:
        """Draw in the style mean + factor @ z from now on where z, (Z,), is given.

        Args:
            mean: (Z,).
            factor: (Z, Z).

        Raises:
            SemsynthError: this family cannot.
        """
        raise SemsynthError(f"{type(self).__name__} cannot change the basis of its styles.")

    def outer_parameters(self) -> list[nn.Parameter]:
        """What may be trained alone while the part taken from a network for smaller pictures stays as it is.

        Raises:
            SemsynthError: this family has no such part.
        """
        raise SemsynthError(f"{type(self).__name__} has no outer part that could be trained alone.")

    def save_files(self, folder: Path) -> None:
        """Write into a model folder what this network needs beside its weights; most need nothing."""

    def load_files(self, folder: Path) -> None:
        """Take from a model folder what `save_files` wrote."""

    def pyramid(self, labels: Tensor, instances: Tensor | None = None) -> LabelPyramid:
        """Check a label map and prepare it for every layer.

        Args:
            labels: (B, H, W) int64.
            instances: (B, H, W) integer ids. A network that wants them and gets none takes the boundaries
                between classes, which every instance map contains.

        Raises:
            SemsynthError: wrong shape, type, size or ids.
        """
        check_labels(labels, self.num_classes)
        height, width = labels.shape[1:]
        valid = self.valid_size(height, width)
        if valid != (height, width):
            raise SemsynthError(
                f"The label map is {height}x{width}; this network draws heights and widths that are "
                f"multiples of {self.stride}; the next valid size is {valid[0]}x{valid[1]}."
            )
        edges = None
        if self.uses_instances:
            if instances is not None and instances.shape != labels.shape:
                raise SemsynthError(
                    f"The instance map has shape {tuple(instances.shape)}, the label map "
                    f"{tuple(labels.shape)}; they must be equal."
                )
            edges = instance_edges(labels if instances is None else instances)
        return LabelPyramid(labels, self.num_classes, edges, self.label_mode)


def check_style(
    style: Tensor | None, batch: int, style_dim: int | None, num_classes: int | None = None
) -> Tensor:
    """Refuse what is not a style (B, Z), or (B, K, Z) where there are classes, with a sentence."""
    shapes = [(batch, style_dim)] + ([(batch, num_classes, style_dim)] if num_classes else [])
    if style is None or tuple(style.shape) not in shapes:
        got = "none was given" if style is None else f"got {tuple(style.shape)}"
        allowed = " or ".join(map(str, shapes))
        raise SemsynthError(f"This network draws in a style: pass one of shape {allowed}; {got}.")
    return style


def label_planes(labels: Tensor, num_classes: int, edges: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Ids (B, H, W) as one-hot planes, edges (B, 1, H, W) last where there are any: (B, S, H, W)."""
    planes = one_hot(labels, num_classes, dtype=dtype)
    return planes if edges is None else torch.cat([planes, edges.to(dtype)], 1)


_checked: ContextVar[bool] = ContextVar("semsynth_labels_checked", default=False)


@contextlib.contextmanager
def labels_checked() -> Iterator[None]:
    """Within it `check_labels` does not look at ids, for which it would have to wait for the device.

    For callers that have checked the ids on the CPU.
    """
    token = _checked.set(True)
    try:
        yield
    finally:
        _checked.reset(token)


def check_labels(labels: Tensor, num_classes: int) -> None:
    """Refuse what is not a (B, H, W) int64 map of ids in 0..num_classes-1, with a sentence."""
    if labels.dim() != 3 or labels.dtype != torch.int64:
        raise SemsynthError(
            f"Labels must be int64 of shape (B, H, W); got {labels.dtype} of shape {tuple(labels.shape)}."
        )
    if labels.numel() == 0:
        raise SemsynthError(f"The label map is empty: shape {tuple(labels.shape)}.")
    if torch.compiler.is_compiling() or _checked.get():
        return  # a graph cannot look at values
    low, high = (int(id) for id in labels.aminmax())
    if low < 0 or high >= num_classes:
        wrong = high if high >= num_classes else low
        raise SemsynthError(
            f"The label map holds id {wrong} at {int((labels == wrong).sum())} pixels; "
            f"this network knows ids 0..{num_classes - 1}."
        )

"""Our SPADE tensors under the names of the published files, written from the key list of the release."""

from collections.abc import Mapping

from torch import Tensor, nn

BLOCKS = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4")

_ENDS = {
    ".parametrizations.weight.original": ".weight_orig",
    ".parametrizations.weight.0.u": ".weight_u",
    ".parametrizations.weight.0.v": ".weight_v",
    ".norm.running_mean": ".param_free_norm.running_mean",
    ".norm.running_var": ".param_free_norm.running_var",
    ".shared.weight": ".mlp_shared.0.weight",
    ".shared.bias": ".mlp_shared.0.bias",
}


def published_generator(model: nn.Module) -> dict[str, Tensor]:
    """A generator's state as the release writes it, without `num_batches_tracked`."""
    published: dict[str, Tensor] = {}
    for ours, value in model.state_dict().items():
        name = ours
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            name = f"{BLOCKS[int(number)]}.{rest}"
            for part in "01s":
                name = name.replace(f".spade_{part}.", f".norm_{part}.")
        name = (
            name.replace("stem_labels.", "fc.")
            .replace("stem_style.", "fc.")
            .replace("to_image.", "conv_img.")
        )
        for end, theirs in _ENDS.items():
            if name.endswith(end):
                name = name.removesuffix(end) + theirs
        if ".modulation." in name:
            gamma, beta = value.chunk(2)
            published[name.replace(".modulation.", ".mlp_gamma.")] = gamma
            published[name.replace(".modulation.", ".mlp_beta.")] = beta
        else:
            published[name] = value
    return published


def published_encoder(model: nn.Module) -> dict[str, Tensor]:
    """A style encoder's state as the release writes it."""
    published = {}
    for ours, value in model.state_dict().items():
        name = ours.replace("log_variance.", "fc_var.").replace("mean.", "fc_mu.")
        if name.startswith("convs."):
            _, number, rest = name.split(".", 2)
            name = f"layer{int(number) + 1}.0.{rest}"
        for end, theirs in _ENDS.items():
            if name.endswith(end):
                name = name.removesuffix(end) + theirs
        published[name] = value
    return published


def without(state: Mapping[str, Tensor], *ends: str) -> dict[str, Tensor]:
    """A state without the names that end so."""
    return {name: value for name, value in state.items() if not name.endswith(ends)}

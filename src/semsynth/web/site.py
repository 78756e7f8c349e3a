"""A folder with the painting page and a model, which any web server can serve; see docs/static.md.

index.html  card.html  sw.js  manifest.webmanifest  model-HASH.bin
files/HASH/        the page's modules, the wasm module, the styles' and examples' pictures, site.json
"""

import hashlib
import html
import json
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from semsynth import __version__
from semsynth.app.limits import Limits
from semsynth.app.painter import GalleryItem
from semsynth.app.synthesizer_painter import DEFAULT_MODEL, describe
from semsynth.errors import SemsynthError
from semsynth.files.folders import whole_folder
from semsynth.hub import Model, load_model
from semsynth.web.module import build
from semsynth.web.weights import pack

PAGE = Path(str(files("semsynth.app") / "static"))
WEB = Path(str(files("semsynth.web")))
APART = ("api.html", "api.css", "api.js", "index.html", "sw.js")
"""Files that are not part of the page, or do not lie beside its modules."""
MAX_SIDE = 768
"""Longest side of a drawing in pixels: a page has less memory than a server."""
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
HEAD = f"""<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="description" content="Paint a label map, get a photograph. It is computed in your browser.">
<link rel="manifest" href="manifest.webmanifest">
"""
CARD = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Model card</title>\n'
LINK = '<a id="interface"'
"""In the page, before which the link to the model card is put."""


def build_site(folder: Path, name: str | Path | None = None) -> Path:
    """Write the painting page with a model.

    Args:
        folder: What to write; one that stands there is replaced once the new one is complete.
        name: A model folder, or the name of a bundled model; None takes the default one.

    Returns:
        The folder.

    Raises:
        SemsynthError: There is no such model, it cannot draw in a browser, or the folder cannot be written;
            what stood there stays.
    """
    ours = folder.is_dir() and ((folder / "manifest.webmanifest").exists() or not any(folder.iterdir()))
    if folder.exists() and not ours:
        raise SemsynthError(f"{folder} is no painting page and is not replaced; choose another folder.")
    model = load_model(name or DEFAULT_MODEL)
    weights = pack(name or DEFAULT_MODEL)
    with whole_folder(folder) as part:
        stored = f"model-{_digest(weights)}.bin"
        (part / stored).write_bytes(weights)
        page = part / "files" / "page"
        _copy_page(page)
        build(page / "semsynth.wasm")
        site = _describe(page, model, Path(name or DEFAULT_MODEL).name)
        site["weights"] = {"file": f"../../{stored}", "bytes": len(weights)}
        (page / "site.json").write_text(json.dumps(site, ensure_ascii=False), "utf-8")
        version = _digest(*(path.read_bytes() for path in _files(page)))
        page = page.rename(page.with_name(version))
        _write_start(part, page)
        (part / "card.html").write_text(f"{CARD}<pre>{html.escape(model.card)}</pre>\n", "utf-8")
    return folder


def _copy_page(page: Path) -> None:
    """The modules of the application; those of this package are added, or take their place."""
    for source in (PAGE, WEB):
        for path in source.rglob("*"):
            if path.suffix in (".js", ".css", ".svg") and path.name not in APART:
                target = page / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _describe(page: Path, model: Model, name: str) -> dict[str, Any]:
    """What the server's REST interface tells of a model, and what the painter needs of it."""
    about = describe(model, name)
    styles = _write_pictures(page / "styles", about.styles)
    for row, style in zip(styles, model.styles.values(), strict=True):
        row["vector"] = style.vector.tolist()
    return {
        "version": __version__,
        "model": about.summary(Limits(max_side=MAX_SIDE), server=False),
        "labels": about.label_space.to_dict(),
        "styles": styles,
        "examples": _write_pictures(page / "examples", about.examples),
        "noise_period": model.generator.noise_period,
        "class_styles": model.generator.class_styles,
        "module": "semsynth.wasm",
    }


def _write_pictures(folder: Path, items: Sequence[GalleryItem]) -> list[dict[str, Any]]:
    """Write pictures to choose from, and list them with their addresses."""
    folder.mkdir()
    rows = []
    for number, item in enumerate(items):
        path = folder / f"{number:02d}.png"
        if item.picture:
            path.write_bytes(item.picture)
        rows.append({"name": item.name, "picture": f"{folder.name}/{path.name}" if item.picture else None})
    return rows


def _write_start(part: Path, page: Path) -> None:
    """What a browser asks for first: always under the same name, and never kept for long."""
    base = page.relative_to(part).as_posix()
    names = [path.relative_to(part).as_posix() for path in _files(page)]
    apart = (f"{base}/painter/", f"{base}/engine/")  # of the worker
    modules = [name for name in names if name.endswith(".js") and not name.startswith(apart)]
    preloads = "".join(f'<link rel="modulepreload" href="{name}">\n' for name in modules)
    start = (PAGE / "index.html").read_text("utf-8").replace("/static/", f"{base}/")
    start = start.replace(LINK, f'<a href="card.html" target="_blank">About the model</a>{LINK}', 1)
    painter = f'<script type="module" src="{base}/local/socket.js"></script>\n'  # begins before the page does
    start = start.replace('<script type="module"', f'{painter}<script type="module"', 1)
    start = start.replace('<meta name="viewport"', f'{HEAD}<meta name="viewport"', 1)
    (part / "index.html").write_text(start.replace("</head>", f"{preloads}</head>", 1), "utf-8")
    worker = (WEB / "sw.js").read_text("utf-8").replace("@VERSION@", page.name)
    (part / "sw.js").write_text(
        worker.replace("@FILES@", " ".join(["manifest.webmanifest", "card.html", *names])), "utf-8"
    )
    manifest = {
        "name": "semsynth",
        "description": "Paint a label map, get a photograph.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#14171c",
        "theme_color": "#14171c",
        "icons": [{"src": f"{base}/icon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }
    (part / "manifest.webmanifest").write_text(json.dumps(manifest, indent=1), "utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(*contents: bytes) -> str:
    """The first 16 hex digits of the SHA-256."""
    return hashlib.sha256(b"".join(contents)).hexdigest()[:16]

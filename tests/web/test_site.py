"""The painting page without a server: what it draws, keeps, reads and writes, in a real browser."""

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image, ImageFilter, PngImagePlugin

from semsynth import Synthesizer
from semsynth.app.images import LABEL_MAP_KEY
from semsynth.app.limits import Limits
from semsynth.app.maps import read_map
from semsynth.app.projects import read_project
from semsynth.app.settings import ClassStyles, MixStyle, NamedStyle, SeedStyle, VectorStyle
from semsynth.app.synthesizer_painter import SynthesizerPainter
from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.hub import PRETRAINED
from semsynth.hub.record import read_record
from semsynth.labels import LabelSpace
from semsynth.web.module import build
from tests.app.conftest import harmless, open_page, settle, shoot
from tests.app.node import package
from tests.app.test_accessibility import violations
from tests.app.test_page import choose, drag, ids, picture

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")
MODEL = PRETRAINED / "landscape"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and writes no log."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Served:
    """A folder behind a web server that knows nothing of the page, which lies below a path."""

    def __init__(self, folder: Path) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.origin}/project/paint/"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the bundled model."""
    if not MODEL.exists():
        pytest.skip("this checkout holds no bundled model")
    try:
        build(tmp_path_factory.mktemp("module") / "semsynth.wasm")
    except SemsynthError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("web") / "project" / "paint"
    assert main(["app", "--static", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[Served]:
    found = Served(site.parents[1])
    yield found
    found.stop()


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    found = browser.new_context(
        viewport={"width": 1440, "height": 900}, accept_downloads=True, reduced_motion="reduce"
    )
    yield found
    found.close()


@pytest.fixture
def page(context: Any, served: Served) -> Iterator[Any]:
    """The page, opened in a tab of its own; fails the test on any error, or a request to another origin."""
    found = context.new_page()
    problems: list[str] = []
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on(
        "console", lambda m: problems.append(m.text) if m.type == "error" and not harmless(m.text) else None
    )
    foreign: list[str] = []

    def watch(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != served.origin:
            foreign.append(request.url)

    context.on("request", watch)
    open_page(found, served.url)
    yield found
    context.remove_listener("request", watch)
    found.close()
    assert not problems
    assert not foreign


@pytest.fixture(scope="module")
def painter() -> SynthesizerPainter:
    return SynthesizerPainter(Synthesizer.from_pretrained("landscape", precision="float32"), "landscape")


def download(page: Any, button: str) -> bytes:
    with page.expect_download() as found:
        page.click(button)
    return Path(found.value.path()).read_bytes()


def test_a_drawing_is_painted_saved_and_there_again(page: Any) -> None:
    before, shown = ids(page), picture(page)
    choose(page, "sea")
    drag(page, (60, 40), (120, 40))
    stroked = ids(page)
    assert (stroked != before).any()
    assert not np.array_equal(picture(page), shown)
    page.click("#tab-style")
    page.click("#gallery .tile >> nth=3")
    styled = picture(page)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert np.array_equal(ids(page), before)
    assert np.array_equal(picture(page), shown)
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(picture(page), styled)
    page.click("#save")
    page.fill("#save-name", "My coast")
    page.click("#save-here")
    page.wait_for_selector("#dialog-save", state="hidden")
    page.click("#new")
    page.click("#examples .tile >> nth=5")
    settle(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    settle(page)
    page.click("#open")
    page.click("#projects .name")
    page.wait_for_function("() => document.title.startsWith('My coast')")
    assert np.array_equal(ids(page), stroked)
    assert np.array_equal(picture(page), styled)
    shoot(page, "static")


def test_what_needs_a_server_is_not_offered(page: Any) -> None:
    assert page.locator("#tool-repaint").count() == 0
    page.click("#open")
    assert not page.is_visible("#open-photo")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert not page.is_visible("#interface")


STYLES = [
    SeedStyle(seed=0),
    SeedStyle(seed=2**53 - 1),
    NamedStyle(name="noon", variation=5),
    VectorStyle(vector=[0.5] * 64),
    MixStyle(mix=(NamedStyle(name="noon", variation=3), SeedStyle(seed=7)), amount=0.3),
    ClassStyles(classes={"sky": SeedStyle(seed=3), "26": NamedStyle(name="noon")}, rest=SeedStyle(seed=4)),
]

DRAW = """async ([ids, size, settings, scale]) => {
    const base = document.querySelector('script[src$="main.js"]').src;
    const { ask, FORMAT } = await import(new URL('connection.js', base));
    const { fromBase64, toBase64 } = await import(new URL('bytes.js', base));
    let text = '';
    const [width, height] = size, format = scale ? FORMAT.png : FORMAT.rgb;
    await ask([{ ids: fromBase64(ids), width, height, settings, format, scale: scale || 1 }],
        ({ bytes }) => { text = toBase64(bytes); });
    return text;
}"""


def drawn(page: Any, ids: np.ndarray, style: Any, scale: int = 0) -> bytes:
    """What the page's painter draws: raw pixels, or a PNG file of a scale."""
    settings = {"style": style.model_dump()}
    text = base64.b64encode(ids.tobytes()).decode()
    answer: str = page.evaluate(DRAW, [text, [ids.shape[1], ids.shape[0]], settings, scale])
    return base64.b64decode(answer)


def test_pictures_are_the_library_s(page: Any, painter: SynthesizerPainter) -> None:
    whole = ids(page)
    small = np.ascontiguousarray(whole[:200, :150])  # sides that are no multiples of what the network needs
    for labels, style in [*((whole, style) for style in STYLES), (small, STYLES[0])]:
        wanted, _ = painter.paint(labels, style)
        found = np.frombuffer(drawn(page, labels, style), np.uint8).reshape(wanted.shape)
        difference = np.abs(found.astype(int) - wanted)
        assert difference.max() <= 1, style
        assert (difference > 0).mean() < 0.01, style


def test_the_style_of_a_photograph_is_the_library_s(
    page: Any, painter: SynthesizerPainter, tmp_path: Path
) -> None:
    photo = painter.paint(ids(page), NamedStyle(name="noon"))[0]
    Image.fromarray(photo).resize((300, 200)).save(tmp_path / "evening.png")
    page.click("#tab-style")
    with page.expect_file_chooser() as chooser:
        page.click("#add-style")
    chooser.value.set_files(tmp_path / "evening.png")
    page.wait_for_function("() => semsynth.styles.own.length === 1")
    found = page.evaluate("() => semsynth.styles.own[0]")
    wanted = painter.encode(np.asarray(Image.open(tmp_path / "evening.png")))
    assert found["name"] == "evening"
    assert found["thumbnail"].startswith("data:image/jpeg;base64,")
    assert np.abs(np.array(found["vector"]) - wanted).max() < 1e-3
    settle(page)


def test_an_exported_picture_says_how_it_was_made(page: Any, painter: SynthesizerPainter) -> None:
    labels, style = ids(page), NamedStyle(name="noon", variation=5)
    wanted, record = painter.paint(labels, style)
    file = drawn(page, labels, style, scale=2)
    found = read_record(file)
    assert (found.model, found.style, found.seed, found.scale) == ("landscape", "noon", 5, 2)
    assert (found.vector, found.noise_offset, found.size) == (record.vector, record.noise_offset, record.size)
    large = Image.fromarray(wanted).resize((512, 512), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(Image.open(io.BytesIO(file))).astype(int) - np.asarray(large)).max() <= 2
    assert np.array_equal(read_map(map_within(file), SPACE, Limits(), None).ids, labels)
    for kind in ("jpeg", "webp"):
        page.click("#export")
        page.select_option("#export-format", kind)
        data = download(page, "#export-picture")
        page.keyboard.press("Escape")
        assert (Image.open(io.BytesIO(data)).format or "").lower() == kind


def map_within(file: bytes) -> bytes:
    """The label map that an exported picture holds."""
    image = Image.open(io.BytesIO(file))
    assert isinstance(image, PngImagePlugin.PngImageFile)
    return base64.b64decode(image.text[LABEL_MAP_KEY])


def files(labels: np.ndarray) -> dict[str, bytes]:
    """A label map as people have it."""
    colours = Image.fromarray(SPACE.palette()[labels])
    indexed, other = Image.fromarray(labels), Image.fromarray(labels)
    indexed.putpalette(SPACE.palette().tobytes())
    order = np.random.default_rng(0).permutation(SPACE.num_classes)
    shuffled = Image.fromarray(np.argsort(order).astype(np.uint8)[labels])
    shuffled.putpalette(SPACE.palette()[order].tobytes())
    soft = colours.resize((512, 512), Image.Resampling.NEAREST).filter(ImageFilter.GaussianBlur(0.6))
    kept = {
        "indexed.png": indexed,
        "grey.png": other,
        "shuffled.png": shuffled,
        "colours.png": colours,
        "sixteen bits.png": Image.fromarray(labels.astype(np.uint16)),
        "grey colours.png": other.convert("RGB"),
        "wide.png": indexed.resize((400, 300), Image.Resampling.NEAREST),
        "soft.png": soft,
        "lossy.jpg": colours,
    }
    found = {}
    for name, image in kept.items():
        out = io.BytesIO()
        image.save(out, "JPEG" if name.endswith("jpg") else "PNG", quality=92)
        found[name] = out.getvalue()
    return found


READ = """async ([text, name]) => {
    const base = document.querySelector('script[src$="main.js"]').src;
    const { sendForm } = await import(new URL('server.js', base));
    const { fromBase64 } = await import(new URL('bytes.js', base));
    const type = name.endsWith('jpg') ? 'image/jpeg' : 'image/png';
    const map = new File([fromBase64(text)], name, { type });
    try {
        return (await sendForm('/api/maps/read', { map, width: '256', height: '256' })).json();
    } catch (error) {
        return { error: error.message };
    }
}"""


def test_label_maps_are_read_as_the_server_reads_them(page: Any) -> None:
    for name, data in files(ids(page)).items():
        wanted = read_map(data, SPACE, Limits(), (256, 256))
        found = page.evaluate(READ, [base64.b64encode(data).decode(), name])
        assert "error" not in found, (name, found)
        read = np.frombuffer(base64.b64decode(found["ids"]), np.uint8).reshape(256, 256)
        allowed = 0.005 if name in ("soft.png", "lossy.jpg") else 0.0
        assert (read != wanted.ids).mean() <= allowed, name
    photo = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "PNG")
    refused = page.evaluate(READ, [base64.b64encode(out.getvalue()).decode(), "photo.png"])
    assert "picture, not a label map" in refused["error"]


def test_files_go_to_the_application_and_back(page: Any, tmp_path: Path) -> None:
    page.click("#tab-style")
    page.click("#gallery .tile >> nth=2")
    settle(page)
    style = page.evaluate("() => semsynth.styles.style")
    page.click("#export")
    reading = read_map(download(page, "#export-map"), SPACE, Limits(), None)
    assert np.array_equal(reading.ids, ids(page))
    assert reading.settings is not None
    assert reading.settings.style.model_dump()["name"] == style["name"]
    data = download(page, "#export-project")
    page.keyboard.press("Escape")
    project = read_project(data, Limits(), SPACE)
    assert project.settings.style == reading.settings.style
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    drawing = ids(page)
    page.click("#new")
    page.click("#examples .tile >> nth=4")
    settle(page)
    (tmp_path / "coast.zip").write_bytes(data)
    page.click("#open")
    with page.expect_file_chooser() as chooser:
        page.click("#open-project")
    chooser.value.set_files(tmp_path / "coast.zip")
    page.wait_for_function("() => document.title.startsWith('coast')")
    assert np.array_equal(ids(page), drawing)


def test_axe_finds_no_violation(page: Any) -> None:
    page.evaluate((package("axe-core") / "axe.min.js").read_text())
    problems: list[tuple[str, str]] = []
    for theme in ("dark", "light"):
        problems += [(theme, v) for v in violations(page)]
        for name in ("open", "export", "help"):
            page.evaluate("name => document.getElementById(`dialog-${name}`).showModal()", name)
            problems += [(name, v) for v in violations(page)]
            page.keyboard.press("Escape")
        page.click("#theme")
    assert not problems


def test_it_works_without_a_network(browser: Any, site: Path) -> None:
    served = Served(site.parents[1])
    context = browser.new_context()
    page = context.new_page()
    open_page(page, served.url)
    page.wait_for_function("async () => (await navigator.serviceWorker.ready).active.state === 'activated'")
    first = picture(page)
    context.set_offline(True)
    served.stop()
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    settle(page)
    assert np.array_equal(picture(page), first)
    drag(page, (60, 40), (120, 40))
    assert not np.array_equal(picture(page), first)
    page.click("#new")
    page.click("#examples .tile >> nth=5")
    settle(page)
    context.close()


def test_a_browser_without_simd_is_told(browser: Any, site: Path, served: Served) -> None:
    context = browser.new_context()
    worker = next(site.glob("files/*/painter/worker.js")).read_text("utf-8")
    invalid = worker.replace("const SIMD = [0", "const SIMD = [1", 1)
    assert invalid != worker
    context.route(
        "**/painter/worker.js", lambda route: route.fulfill(body=invalid, content_type="text/javascript")
    )
    page = context.new_page()
    page.goto(served.url)
    page.wait_for_selector("#stale >> text=SIMD")
    context.unroute_all()
    context.route("**/painter/worker.js", lambda route: route.abort())
    page.goto(served.url)
    page.wait_for_selector("#stale >> text=did not start")
    context.close()


def test_the_folder_is_small(site: Path) -> None:
    sizes = {
        path.relative_to(site).as_posix(): len(gzip.compress(path.read_bytes()))
        for path in site.rglob("*")
        if path.is_file()
    }
    assert sum(sizes.values()) < 27e6
    code = sum(size for name, size in sizes.items() if name.endswith((".js", ".css", ".html", ".wasm")))
    assert code < 450e3


def test_the_manifest_makes_it_installable(site: Path) -> None:
    manifest = json.loads((site / "manifest.webmanifest").read_text("utf-8"))
    assert manifest["display"] == "standalone"
    assert manifest["start_url"] == manifest["scope"] == "./"
    assert all((site / icon["src"]).exists() for icon in manifest["icons"])


@pytest.mark.parametrize("problem", ["no model", "no page"])
def test_a_folder_is_whole_or_untouched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: str
) -> None:
    target = tmp_path / "paint"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    given = ["--model", str(tmp_path / "nothing")] if problem == "no model" else ["--overwrite"]
    assert main(["app", "--static", str(target), *given]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in tmp_path.rglob("*")] == ["paint", "mine.txt"]


def test_a_model_that_cannot_draw_in_a_browser_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from semsynth.web import site as builder

    def refuse(name: object) -> bytes:
        raise SemsynthError("This network cannot draw in a browser.")

    monkeypatch.setattr(builder, "pack", refuse)
    assert main(["app", "--static", str(tmp_path / "paint")]) == 2
    assert "cannot draw in a browser" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

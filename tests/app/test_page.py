"""What a person does with the page, in a real browser."""

import base64
import io
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from semsynth.labels import LabelSpace
from tests.app.conftest import Served, open_page, settle, shoot
from tests.app.stand_in import landscape

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")


def ids(page: Any) -> np.ndarray:
    """The class ids one sees, (H, W)."""
    return _pixels(page, "semsynth.studio.drawing.ids").reshape(256, 256)


def picture(page: Any) -> np.ndarray:
    """The picture that is shown, (H, W, 3)."""
    settle(page)
    return _pixels(page, "semsynth.live.surface.image.data").reshape(256, 256, 4)[..., :3]


def _pixels(page: Any, array: str) -> np.ndarray:
    """An array of bytes of the page; as text, since long lists take the browser's protocol seconds."""
    script = f"""() => {{
        const bytes = {array}, parts = [];
        for (let i = 0; i < bytes.length; i += 32768)
            parts.push(String.fromCharCode(...bytes.subarray(i, i + 32768)));
        return btoa(parts.join(""));
    }}"""
    return np.frombuffer(base64.b64decode(page.evaluate(script)), np.uint8)


def at(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the drawing is on the screen."""
    place = page.evaluate(
        """([x, y]) => {
            const view = semsynth.view, box = view.canvas.getBoundingClientRect();
            const p = view.toCanvas({ x, y }, view.panes()[0]);
            return [p.x + box.left, p.y + box.top];
        }""",
        [x + 0.5, y + 0.5],
    )
    return place[0], place[1]


def drag(page: Any, *points: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*at(page, *point), steps=4)
    page.mouse.up()


def choose(page: Any, name: str) -> int:
    """Pick a class as one does: search its name, press Enter."""
    page.click("#tab-palette")
    page.fill("#search", name)
    page.press("#search", "Enter")
    page.fill("#search", "")
    page.locator("#canvas").focus()
    return SPACE.names.index(name)


def test_paints_sea_and_only_there(page: Any) -> None:
    before, shown = ids(page), picture(page)
    sea = choose(page, "sea")
    drag(page, (60, 60), (120, 60))
    after, now = ids(page), picture(page)
    changed = before != after
    assert changed.sum() > 500
    assert (after[changed] == sea).all()
    assert changed[:40].sum() == 0
    assert changed[100:].sum() == 0
    assert np.array_equal((now != shown).any(-1), changed)
    shoot(page, "paint")


def test_every_tool(page: Any) -> None:
    blank = ids(page)
    sky, sea = SPACE.names.index("sky"), choose(page, "sea")

    def use(key: str) -> None:
        page.keyboard.press("Control+z") if not np.array_equal(ids(page), blank) else None
        page.keyboard.press(key)

    use("r")
    drag(page, (10, 10), (30, 19))
    assert ((ids(page) == sea) & (blank == sky)).sum() == 21 * 10
    use("o")
    drag(page, (20, 20), (59, 59))
    assert abs(((ids(page) != blank).sum()) / (np.pi * 20 * 20) - 1) < 0.02
    use("l")
    drag(page, (20, 40), (120, 40))
    assert (ids(page)[40, 20:121] == sea).all()
    use("p")
    for corner in ((20, 20), (60, 20), (60, 60)):
        page.mouse.click(*at(page, *corner))
    page.keyboard.press("c")
    assert abs((ids(page) != blank).sum() - 800) < 60
    use("s")
    drag(page, (20, 20), (80, 20), (80, 60), (20, 60))
    assert abs((ids(page) != blank).sum() - 2400) < 120
    use("g")
    page.mouse.click(*at(page, 5, 5))
    assert not (ids(page) == sky).any()
    use("a")
    page.mouse.click(*at(page, 128, 140))
    assert not (ids(page) == SPACE.names.index("mountain")).any()
    use("x")
    page.mouse.click(*at(page, 5, 5))
    assert ids(page)[5, 5] == sea
    assert ids(page)[200, 5] == sky
    use("e")
    drag(page, (128, 180), (140, 180))
    assert ids(page)[180, 130] == sky
    use("i")
    page.mouse.click(*at(page, 128, 140))
    assert page.inner_text("#current-class").lower() == "mountain"


def test_a_locked_class_is_not_painted_over(page: Any) -> None:
    before = ids(page)
    mountain = SPACE.names.index("mountain")
    choose(page, "mountain")
    page.keyboard.press("m")
    choose(page, "tree")
    drag(page, (10, 120), (240, 120))
    after = ids(page)
    assert np.array_equal(after == mountain, before == mountain)
    assert (after != before).any()


def test_layers_hide_show_and_merge(page: Any) -> None:
    before = ids(page)
    page.click("#tab-layers")
    page.click("#layer-add")
    choose(page, "tree")
    drag(page, (100, 50), (140, 80))
    painted = ids(page)
    page.click("#tab-layers")
    page.click("#layers li.chosen .icon")
    assert np.array_equal(ids(page), before)
    page.click("#layers li.chosen .icon")
    assert np.array_equal(ids(page), painted)
    shoot(page, "layers")
    page.keyboard.press("e")
    drag(page, (100, 50), (140, 80))
    assert np.array_equal(ids(page), before)
    page.keyboard.press("Control+z")
    page.click("#layer-merge")
    assert np.array_equal(ids(page), painted)
    assert page.locator("#layers li").count() == 1


def test_seed_dice_lock_and_mix(page: Any) -> None:
    page.click("#tab-style")
    page.fill("#seed", "7")
    page.press("#seed", "Enter")
    seven = picture(page)
    page.click("#dice")
    assert page.input_value("#seed") != "7"
    assert not np.array_equal(picture(page), seven)
    page.fill("#seed", "7")
    page.press("#seed", "Enter")
    assert np.array_equal(picture(page), seven)
    page.click("#copy-seed")
    page.click("#lock-seed")
    assert page.is_disabled("#dice")
    page.select_option("#mix-with", label="dusk")
    half = picture(page)
    assert not np.array_equal(half, seven)
    page.fill("#mix", "0")
    assert np.array_equal(picture(page), seven)
    page.select_option("#mix-with", label="nothing")
    page.click("#vary")
    page.wait_for_function(
        "() => document.querySelectorAll('#variations .tile:not([disabled])').length === 6"
    )
    shoot(page, "style")


def test_takes_the_style_of_a_photo(page: Any) -> None:
    page.click("#tab-style")
    page.select_option("#mix-with", label="nothing")
    with page.expect_file_chooser() as chooser:
        page.click("#add-style")
    chooser.value.set_files(
        {"name": "red.png", "mimeType": "image/png", "buffer": _png(np.full((90, 120, 3), (250, 20, 20)))}
    )
    page.wait_for_function("() => semsynth.styles.own.length === 1")
    red = picture(page).astype(int)
    page.click("#gallery .tile >> text=dusk")
    dusk = picture(page).astype(int)
    assert (red - dusk)[..., 0].mean() > 10
    assert abs((red - dusk)[..., 1].mean()) < 10


def test_map_export_and_import_give_the_same_bytes(page: Any, tmp_path: Path) -> None:
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    drawn = ids(page)
    first = _download(page, "#export-map", tmp_path / "first.png")
    picture_ = Image.open(first)
    assert picture_.mode == "P"
    assert np.array_equal(np.asarray(picture_), drawn)
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    assert not np.array_equal(ids(page), drawn)
    _open(page, "#open-map", first)
    page.wait_for_function(
        "() => document.querySelector('#status-message').textContent.startsWith('Map opened')"
    )
    assert np.array_equal(ids(page), drawn)
    second = _download(page, "#export-map", tmp_path / "second.png")
    assert first.read_bytes() == second.read_bytes()


def test_coloured_maps_are_repaired_with_a_report(page: Any, tmp_path: Path) -> None:
    wanted = np.full((256, 256), SPACE.names.index("sky"), np.uint8)
    wanted[100:] = SPACE.names.index("grass")
    rng = np.random.default_rng(0)
    noise = rng.integers(-3, 4, (256, 256, 3)) * (rng.random((256, 256, 1)) < 0.3)
    pixels = np.clip(SPACE.colorize(wanted).astype(int) + noise, 0, 255).astype(np.uint8)
    path = tmp_path / "map.png"
    Image.fromarray(pixels).save(path)
    _open(page, "#open-map", path)
    page.wait_for_function("() => /no exact/.test(document.querySelector('#status-message').textContent)")
    assert np.array_equal(ids(page), wanted)


def test_project_keeps_layers_and_style(page: Any, tmp_path: Path) -> None:
    page.click("#tab-layers")
    page.click("#layer-add")
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    page.keyboard.press("d")
    drawn, shown = ids(page), picture(page)
    path = _download(page, "#export-project", tmp_path / "mine.zip")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    _open(page, "#open-project", path)
    page.wait_for_function("() => document.title.startsWith('mine')")
    assert np.array_equal(ids(page), drawn)
    assert np.array_equal(picture(page), shown)
    assert page.locator("#layers li").count() == 2
    again = _download(page, "#export-project", tmp_path / "again.zip")
    assert again.read_bytes() == path.read_bytes()
    page.keyboard.press("Control+s")
    page.fill("#save-name", "lake view")
    page.click("#save-here")
    page.wait_for_function(
        "() => /Saved as lake view/.test(document.querySelector('#status-message').textContent)"
    )
    page.keyboard.press("Control+o")
    page.wait_for_selector("#projects .name >> text=lake view")
    shoot(page, "open")


def test_picture_says_how_it_was_made(page: Any, tmp_path: Path) -> None:
    page.keyboard.press("Control+e")
    page.select_option("#export-scale", "2")
    page.keyboard.press("Escape")
    found = Image.open(_download(page, "#export-picture", tmp_path / "p.png"))
    assert found.size == (512, 512)
    assert '"label_set": "siftflow"' in found.text["semsynth:synthesis"]


def test_reload_brings_the_drawing_back(page: Any) -> None:
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    page.keyboard.press("d")
    page.keyboard.press("k")
    page.wait_for_function("() => semsynth.pictures.kept.length === 1")
    drawn, shown = ids(page), picture(page)
    page.wait_for_function("() => !semsynth.autosave.busy")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert np.array_equal(ids(page), drawn)
    assert np.array_equal(picture(page), shown)
    page.click("#tab-pictures")
    assert page.locator("#pictures li").count() == 1
    shoot(page, "pictures")


def test_a_photo_changes_only_where_it_is_painted(page: Any, tmp_path: Path) -> None:
    sea, sand = SPACE.names.index("sea"), SPACE.names.index("sand")
    rng = np.random.default_rng(3)
    scene = landscape(SPACE, 256)
    photo = np.clip(SPACE.colorize(scene) + rng.integers(-4, 5, (256, 256, 3)), 0, 255).astype(np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(photo).save(path)
    _open(page, "#open-photo", path)
    page.wait_for_selector("#photo-chip")
    assert np.array_equal(picture(page), photo)
    assert np.array_equal(ids(page), scene)
    shoot(page, "photo-before")
    choose(page, "sand")
    page.keyboard.press("g")
    page.mouse.click(*at(page, 60, 180))
    changed = ids(page) != scene
    assert (ids(page)[changed] == sand).all()
    assert (scene[changed] == sea).all()
    after = picture(page)
    far = ~_near(changed, 9)
    assert far.sum() > 10_000
    assert np.array_equal(after[far], photo[far])
    assert (after[changed] != photo[changed]).any(-1).mean() > 0.9
    shoot(page, "photo-after")
    page.wait_for_function("() => !semsynth.autosave.busy")
    page.reload()
    page.wait_for_selector("#photo-chip")
    assert np.array_equal(picture(page), after)
    saved = _download(page, "#export-picture", tmp_path / "edited.png")
    assert np.array_equal(np.asarray(Image.open(saved)), after)


def _near(mask: np.ndarray, distance: int) -> np.ndarray:
    grown = Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(2 * distance + 1))
    return np.asarray(grown) > 0


def test_kept_pictures_can_be_compared_and_returned_to(page: Any) -> None:
    before, shown = ids(page), picture(page)
    page.keyboard.press("k")
    page.wait_for_function("() => semsynth.pictures.kept.length === 1")
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    page.keyboard.press("d")
    changed = picture(page)
    page.click("#tab-pictures")
    page.click("#pictures >> text=Compare")
    page.wait_for_function("() => semsynth.view.reference")
    shoot(page, "compare")
    page.click("#compare-chip")
    page.click("#pictures >> text=Return")
    assert np.array_equal(ids(page), before)
    assert np.array_equal(picture(page), shown)
    page.keyboard.press("Control+z")
    assert not np.array_equal(ids(page), before)
    assert np.array_equal(picture(page), changed)


def test_favourites_come_first_and_are_remembered(page: Any) -> None:
    choose(page, "tree")
    page.keyboard.press("y")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.locator("#classes [role=option] .name").first.inner_text() == "Tree"
    page.keyboard.press("1")
    assert page.inner_text("#current-class") == "Tree"
    page.hover("#classes [role=option][data-id='25']")
    assert page.evaluate("() => semsynth.view.found") == 25


def drop(page: Any, selector: str, picture: bytes) -> None:
    """Let go of a file over a part of the page."""
    page.evaluate(
        """([selector, text]) => {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
            const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
            document.querySelector(selector).dispatchEvent(event);
        }""",
        [selector, base64.b64encode(picture).decode()],
    )


def test_what_is_dropped_is_asked_about_unless_it_is_a_style(page: Any) -> None:
    page.click("#tab-style")
    before = picture(page)
    drop(page, "#gallery", _png(np.full((90, 120, 3), (20, 250, 20))))
    page.wait_for_function("() => semsynth.styles.own.length === 1")
    assert not np.array_equal(picture(page), before)
    assert page.inner_text("#gallery [aria-checked=true]") == "dropped"
    wanted = np.full((256, 256), SPACE.names.index("grass"), np.uint8)
    drop(page, "#canvas", _png(SPACE.colorize(wanted)))
    page.click("#dialog-drop >> text=A label map")
    page.wait_for_function(
        "() => document.querySelector('#status-message').textContent.startsWith('Map opened')"
    )
    assert np.array_equal(ids(page), wanted)


def test_views_zoom_and_theme(page: Any) -> None:
    for mode in ("overlay", "wipe", "picture", "side"):
        page.click(f"#view-{mode}")
        shoot(page, f"view-{mode}")
    before = page.inner_text("#zoom-fit")
    page.mouse.move(*at(page, 128, 128))
    page.mouse.wheel(0, -300)
    assert page.inner_text("#zoom-fit") != before
    page.keyboard.press("0")
    assert page.inner_text("#zoom-fit") == before
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Shift")
    assert page.input_value("#size") != "24"
    page.keyboard.press("q")
    page.click("#theme")
    shoot(page, "light")
    page.click("#help")
    shoot(page, "shortcuts")


def test_keyboard_alone_paints_and_exports(page: Any, tmp_path: Path) -> None:
    before = ids(page)
    page.keyboard.press("/")
    page.keyboard.type("tree")
    page.keyboard.press("Enter")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == "canvas":
            break
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    after = ids(page)
    assert (after[before != after] == SPACE.names.index("tree")).all()
    assert (before != after).sum() > 300
    page.keyboard.press("Control+e")
    while page.evaluate("() => document.activeElement.id") != "export-map":
        page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert np.array_equal(np.asarray(Image.open(download.value.path())), after)


def test_fingers_paint_pinch_and_palms_do_not(browser: Any, served: Served) -> None:
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_page(page, served.address)
    choose(page, "tree")
    before = ids(page)
    page.touchscreen.tap(*at(page, 60, 60))
    assert (ids(page) != before).any()
    painted = ids(page)
    zoom = page.evaluate("() => semsynth.view.zoom")
    touch = context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        spots = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    (x, y), (u, v) = at(page, 60, 128), at(page, 190, 128)
    send("touchStart", (x, y))
    send("touchStart", (x, y), (u, v))
    send("touchMove", (x - 60, y), (u + 60, v))
    send("touchEnd")
    assert page.evaluate("() => semsynth.view.zoom") > zoom * 1.2
    assert np.array_equal(ids(page), painted)
    page.tap("#tool-swap")
    message = "() => document.querySelector('#status-message').textContent"
    assert page.evaluate(message).startswith("Swap classes: Click a class")  # where nothing hovers
    shoot(page, "tablet")
    context.close()


def test_a_pen_paints_by_pressure_and_palms_do_not(browser: Any, served: Served) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, has_touch=True)
    page = context.new_page()
    open_page(page, served.address)
    choose(page, "tree")
    device = context.new_cdp_session(page)

    def pen(kind: str, x: float, y: float, force: float) -> None:
        screen_x, screen_y = at(page, x, y)
        event = {"type": kind, "x": screen_x, "y": screen_y, "button": "left", "buttons": 1, "clickCount": 1}
        device.send("Input.dispatchMouseEvent", event | {"pointerType": "pen", "force": force})

    areas = []
    for n, force in enumerate((0.1, 1.0)):
        before = ids(page)
        pen("mousePressed", 60 + 100 * n, 60, force)
        pen("mouseReleased", 60 + 100 * n, 60, force)
        areas.append((ids(page) != before).sum())
    assert 0 < areas[0] < areas[1] / 3
    before = ids(page)
    page.touchscreen.tap(*at(page, 60, 200))
    assert np.array_equal(ids(page), before)
    context.close()


def test_two_hundred_steps_can_be_undone(page: Any) -> None:
    found = page.evaluate(
        """() => {
            const { studio } = semsynth, states = [];
            for (let n = 0; n < 210; n++) {
                states.push(studio.drawing.ids.slice());
                studio.begin().paint(0, 3, n, studio.drawing.ids[256 * n] === 5 ? 6 : 5);
                studio.finish("row");
            }
            let steps = 0;
            while (studio.history.done.length) { studio.undo(); steps++; }
            return [steps, studio.drawing.ids.every((id, i) => id === states[10][i])];
        }"""
    )
    assert found == [200, True]


def test_pages_of_other_sites_get_nothing(browser: Any, served: Served, tmp_path: Path) -> None:
    """Not even one on the same machine, in the browser that holds the key."""
    (tmp_path / "index.html").write_text("<title>elsewhere</title>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    context = browser.new_context()
    page = context.new_page()
    try:
        open_page(page, served.address)
        page.goto(f"http://127.0.0.1:{elsewhere.server_port}/")
        got = page.evaluate(
            """async (url) => {
                const attempt = (promise) => promise.then(() => true, () => false);
                const loads = (tag, src) => new Promise((resolve, reject) => {
                    const element = Object.assign(document.createElement(tag), { src });
                    element.onload = resolve;
                    element.onerror = reject;
                    document.body.append(element);
                });
                const socket = new Promise((resolve, reject) => {
                    const ws = new WebSocket(url.replace("http", "ws") + "/api/paint");
                    ws.onopen = resolve;
                    ws.onerror = reject;
                });
                return Promise.all([
                    attempt(fetch(url + "/api/model", { credentials: "include" })),
                    attempt(fetch(url + "/api/projects/x", { method: "DELETE", credentials: "include" })),
                    attempt(loads("img", url + "/api/styles/0/thumbnail")),
                    attempt(loads("script", url + "/static/main.js")),
                    attempt(socket),
                ]);
            }""",
            served.url,
        )
        assert got == [False] * 5
    finally:
        context.close()
        elsewhere.shutdown()


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def _download(page: Any, button: str, path: Path) -> Path:
    if not page.locator("#dialog-export").is_visible():
        page.click("#export")
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(path)
    assert re.search(r"\.(png|zip)$", download.value.suggested_filename)
    page.keyboard.press("Escape")
    return path


def _open(page: Any, button: str, path: Path) -> None:
    page.click("#open")
    with page.expect_file_chooser() as chooser:
        page.click(button)
    chooser.value.set_files(path)

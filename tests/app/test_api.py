"""The REST interface of a running server."""

import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.app.settings import NamedStyle, SeedStyle
from semsynth.labels import LabelSpace
from tests.app.conftest import ROOT, TOKEN, Served
from tests.app.stand_in import StandIn, landscape

httpx = pytest.importorskip("httpx")
SPACE = LabelSpace.named("siftflow")


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Any]:
    with httpx.Client(
        base_url=served.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30, trust_env=False
    ) as found:
        yield found


def png(pixels: np.ndarray, palette: bool = True) -> bytes:
    picture = Image.fromarray(pixels)
    if pixels.ndim == 2 and palette:
        picture.putpalette(SPACE.palette().tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_describes_the_model(client: Any) -> None:
    found = client.get("/api/model").json()
    assert (found["name"], found["width"], "photo-styles" in found["capabilities"]) == ("stand-in", 256, True)
    assert len(client.get("/api/labels").json()["classes"]) == SPACE.num_classes
    styles = client.get("/api/styles").json()
    assert [s["name"] for s in styles] == ["clear day", "dusk"]
    assert Image.open(io.BytesIO(client.get(styles[0]["picture"]).content)).size == (48, 48)
    assert client.get("/api/styles/99/thumbnail").status_code == 400


def test_a_script_paints_a_folder_of_maps(client: Any) -> None:
    ids = landscape(SPACE, 256)
    for style in ({"seed": 3}, {"style": "dusk"}):
        answer = client.post("/api/synthesize", files={"map": png(ids)}, data=style)
        picture = np.asarray(Image.open(io.BytesIO(answer.content)))
        painter = StandIn()
        style = SeedStyle(seed=3) if "seed" in style else NamedStyle(name="dusk")
        assert np.array_equal(picture, painter.picture(ids, style))
    big = client.post("/api/synthesize", files={"map": png(ids)}, data={"format": "webp", "scale": 3})
    assert Image.open(io.BytesIO(big.content)).size == (768, 768)


def test_refusals_are_sentences(client: Any) -> None:
    ids = landscape(SPACE, 64)
    wrong = ids.copy()
    wrong[5, 7] = 200
    cases = [
        ({"map": png(wrong, palette=False)}, {}, "200"),
        ({"map": b"no picture"}, {}, "no image format"),
        ({"map": b""}, {}, "empty"),
        ({"map": png(ids)}, {"style": "/etc/passwd"}, "no style"),
        ({"map": png(ids)}, {"settings": '{"style": {"seed": -1}}'}, "settings"),
        ({"map": png(ids)}, {"settings": '{"photo": "' + "0" * 32 + '"}'}, "hand it in again"),
        ({"map": png(ids[:4])}, {}, "each side"),
        ({"map": bomb()}, {}, "more pixels than any picture"),
    ]
    for files, data, words in cases:
        answer = client.post("/api/synthesize", files=files, data=data)
        assert answer.status_code == 400, (words, answer.text)
        error = answer.json()["error"]
        assert words in error, error
        assert error.endswith(".")
        assert "/tmp" not in error


def bomb() -> bytes:
    data = bytearray(png(np.zeros((64, 64), np.uint8)))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def test_a_map_goes_out_and_comes_in_again(client: Any) -> None:
    ids = landscape(SPACE, 256)
    body = {"width": 256, "height": 256, "ids": base64.b64encode(ids.tobytes()).decode()}
    body["settings"] = {"style": {"seed": 12}}
    first = client.post("/api/maps/write", json=body).content
    found = client.post("/api/maps/read", files={"map": first}).json()
    assert base64.b64decode(found["ids"]) == ids.tobytes()
    assert found["settings"]["style"] == {"seed": 12}
    again = client.post("/api/maps/write", json=body | {"ids": found["ids"]}).content
    assert again == first
    half = client.post("/api/maps/read", files={"map": first}, data={"width": 128, "height": 128}).json()
    assert np.array_equal(
        np.frombuffer(base64.b64decode(half["ids"]), np.uint8).reshape(128, 128), ids[1::2, 1::2]
    )
    assert "resized" in half["notes"][-1]


def test_a_photo_changes_only_where_its_map_does(client: Any) -> None:
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (256, 256, 3), np.uint8)
    size = {"width": "256", "height": "256"}
    found = client.post("/api/photos", files={"photo": png(photo)}, data=size).json()
    ids = np.frombuffer(base64.b64decode(found["labels"]), np.uint8).reshape(256, 256).copy()
    settings = f'{{"photo": "{found["key"]}", "feather": 8}}'

    def paint() -> np.ndarray:
        answer = client.post(
            "/api/synthesize", files={"map": png(ids)}, data={"settings": settings, "format": "rgb"}
        )
        return np.frombuffer(answer.content, np.uint8).reshape(256, 256, 3)

    assert np.array_equal(paint(), photo)
    ids[100:140, 100:140] = SPACE.names.index("sand")
    after = paint()
    outside = np.ones((256, 256), bool)
    outside[90:150, 90:150] = False
    assert np.array_equal(after[outside], photo[outside])
    assert not np.array_equal(after, photo)


def test_labels_of_the_largest_map_come_with_a_photo(client: Any) -> None:
    ids = np.full((1024, 1024), SPACE.names.index("sea"), np.uint8)
    files = {"photo": png(np.zeros((1024, 1024, 3), np.uint8)), "labels": ids.tobytes()}
    answer = client.post("/api/photos", files=files, data={"width": "1024", "height": "1024"})
    assert answer.status_code == 200, answer.text
    assert base64.b64decode(answer.json()["labels"]) == ids.tobytes()


def test_a_lost_photo_is_told_by_a_code(client: Any) -> None:
    settings = {"settings": '{"photo": "' + "0" * 32 + '"}'}
    answer = client.post("/api/synthesize", files={"map": png(landscape(SPACE, 64))}, data=settings)
    assert answer.json()["code"] == "photo-lost"


def test_the_style_is_that_of_the_whole_photo(client: Any) -> None:
    wide = np.zeros((64, 256, 3), np.uint8)
    wide[:, :64] = 255
    style = client.post("/api/styles", files={"photo": png(wide)}).json()["vector"]
    size = {"width": "64", "height": "64"}
    photo = client.post("/api/photos", files={"photo": png(wide)}, data=size).json()["vector"]
    assert style == photo == StandIn().encode(wide)


def test_a_large_photo_keeps_its_own_pixels_in_large_pictures(client: Any) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (512, 600, 3), np.uint8)
    size = {"width": "256", "height": "256"}
    found = client.post("/api/photos", files={"photo": png(photo)}, data=size).json()
    assert found["frame"] == [44, 0, 512, 512]
    kept = photo[:, 44:556]
    ids = np.frombuffer(base64.b64decode(found["labels"]), np.uint8).reshape(256, 256).copy()
    ids[100:140, 100:140] = SPACE.names.index("sand")
    form = {"settings": f'{{"photo": "{found["key"]}", "feather": 8}}', "format": "rgb"}
    outside = np.ones((512, 512), bool)
    outside[180:300, 180:300] = False
    for scale in (0, 1, 2, 3):
        answer = client.post("/api/synthesize", files={"map": png(ids)}, data=form | {"scale": str(scale)})
        side = 256 * (scale or 2)
        picture = np.frombuffer(answer.content, np.uint8).reshape(side, side, 3)
        if scale in (0, 2):
            assert np.array_equal(picture[outside], kept[outside])
            assert not np.array_equal(picture, kept)
    again = client.post(
        "/api/photos",
        files={"photo": png(photo), "labels": base64.b64decode(found["labels"])},
        data=size | {"frame": "44,0,512,512"},
    )
    assert again.json()["key"] == found["key"]


def test_a_photo_keeps_its_frame_and_comes_back_at_its_own_size(client: Any) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (400, 610, 3), np.uint8)
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # which the camera was held
    Image.fromarray(np.rot90(photo).copy()).save(turned, "PNG", exif=exif)
    size = {"width": "390", "height": "256"}
    files = {"photo": turned.getvalue()}
    found = client.post("/api/photos", files=files, data=size | {"frame": "0,0,610,400"}).json()
    ids = np.frombuffer(base64.b64decode(found["labels"]), np.uint8).reshape(256, 390).copy()
    ids[100:140, 100:140] = SPACE.names.index("sand")
    form = {"settings": f'{{"photo": "{found["key"]}", "feather": 8}}', "format": "png", "scale": "0"}
    answer = client.post("/api/synthesize", files={"map": png(ids)}, data=form)
    picture = np.asarray(Image.open(io.BytesIO(answer.content)))
    outside = np.ones((400, 610), bool)
    outside[140:235, 140:235] = False
    assert np.array_equal(picture[outside], photo[outside])
    assert (picture != photo)[165:210, 165:210].any(-1).mean() > 0.95
    for frame, words in (("10,0,610,400", "does not lie on"), ("0,0,400,400", "shape of the map")):
        refused = client.post("/api/photos", files=files, data=size | {"frame": frame})
        assert words in refused.json()["error"]
    nothing = client.post("/api/synthesize", files={"map": png(ids)}, data={"scale": "0"})
    assert "none is" in nothing.json()["error"]


def test_projects_are_kept_and_forgotten(client: Any) -> None:
    ids = base64.b64encode(landscape(SPACE, 32).tobytes()).decode()
    body = {
        "label_set": "siftflow",
        "width": 32,
        "height": 32,
        "layers": [{"name": "Background", "ids": ids}],
    }
    assert client.put("/api/projects/My%20lake", json=body).status_code == 204
    assert "My lake" in [p["name"] for p in client.get("/api/projects").json()]
    assert client.get("/api/projects/My%20lake").json()["layers"][0]["ids"] == ids
    for name in ("..%2F..%2Fevil", "a%5Cb", "%00", "a.b"):
        answer = client.put(f"/api/projects/{name}", json=body)
        assert answer.status_code in (400, 404, 405), name
        assert answer.json()["error"].endswith((".", "Found", "Allowed"))
    again = client.put("/api/projects/My%20lake", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "name-taken")
    assert client.put("/api/projects/My%20lake?replace=true", json=body).status_code == 204
    window = base64.b64encode(np.full((32, 32), 200, np.uint8).tobytes()).decode()
    for wrong, words in (
        ({"label_set": "ade20k"}, "classes of ade20k"),
        ({"layers": [{"name": "Background", "ids": window}]}, "Class 200"),
    ):
        answer = client.put("/api/projects/My%20lake?replace=true", json=body | wrong)
        assert answer.status_code == 400
        assert words in answer.json()["error"]
    assert client.delete("/api/projects/My%20lake").status_code == 204
    assert client.get("/api/projects/My%20lake").status_code == 400


def test_the_guide_paints_a_folder(served: Served, tmp_path: Path) -> None:
    pytest.importorskip("requests")
    (tmp_path / "maps").mkdir()
    ids = landscape(SPACE, 64)
    (tmp_path / "maps" / "coast.png").write_bytes(png(ids))
    text = (ROOT / "docs/batch-over-rest.md").read_text()
    code = text.split("```python\n")[1].split("```")[0].replace("http://127.0.0.1:7860", served.url)
    environment = os.environ | {"KEY": TOKEN, "NO_PROXY": "127.0.0.1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=120)
    picture = np.asarray(Image.open(tmp_path / "pictures" / "coast.png"))
    assert np.array_equal(picture, StandIn().picture(ids, SeedStyle(seed=7)))


def test_the_description_is_ours_and_complete(client: Any) -> None:
    found = client.get("/api/openapi.json").json()
    assert {"/api/synthesize", "/api/styles", "/api/labels", "/api/projects"} <= set(found["paths"])
    page = client.get("/api").text
    assert "http://" not in page
    assert "https://" not in page


def test_the_server_runs_without_torch() -> None:
    code = "import sys, semsynth.app.server, semsynth.cli.app; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

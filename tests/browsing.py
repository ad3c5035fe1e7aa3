"""Debian's Chromium, driven; a page of the viewer as a person sees it: text, buttons, pixels."""

import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_FLAGS = (
    "--no-sandbox",  # as root
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# absolute at once: tests go to folders of their own
_SCREENSHOTS = (
    os.environ.get("HNUISEG_SCREENSHOTS") and Path(os.environ["HNUISEG_SCREENSHOTS"]).resolve()
)
SIZES = ((1280, 800), (1920, 1080))
# contours as flat colours over CT alone: every voxel can be read back from the screen
_FLAT = {"fill": 1, "outlines": False, "fusion": 0}
_COLOURS = ((255, 122, 69), (92, 200, 255))  # GTVp, GTVn

_DRAWN = """
([width, height, dx, dy]) => {
  const canvas = document.querySelector('[data-view="Axial"] canvas.image');
  const [w, h] = [canvas.width, canvas.height];
  const fit = Math.min((w - 24) / Math.min(250, width * dx), (h - 44) / Math.min(250, height * dy));
  const left = w / 2 - (width * dx * fit) / 2;
  const top = h / 2 - (height * dy * fit) / 2;
  const pixels = canvas.getContext('2d').getImageData(0, 0, w, h).data;
  const found = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const x = Math.floor(left + (column + 0.5) * dx * fit);
      const y = Math.floor(top + (row + 0.5) * dy * fit);
      const at = 4 * (y * w + x);
      if (x < 0 || y < 0 || x >= w || y >= h) found.push(-1);
      else found.push((pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]);
    }
  }
  return found;
}
"""


@dataclass
class Viewed:
    """One tab."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)  # of the browser's console
    elsewhere: list[str] = field(default_factory=list)  # addresses asked of other hosts

    def enter(self) -> None:
        """From the list into a new session of the first study, with all images."""
        self.press("Compute automatic contours")
        self.press("Correct these contours")
        self.whole()

    def whole(self) -> None:
        """Until every image is there and lesions are listed."""
        self.page.wait_for_selector(".panes", timeout=60_000)
        self.until(lambda: "Fetching" not in self.message and bool(self.lesions or self.none_drawn))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click(timeout=90_000)

    def until(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        for _ in range(round(seconds / 0.05)):
            with suppress(LookupError):
                if true():
                    return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"waited in vain; the page says {self.message!r}")

    def settle(self) -> None:
        """Until no edit waits for its answer, and what it made is drawn."""
        self.until(lambda: self.page.query_selector(".work.waits") is None, 60)
        self.frame()

    def frame(self) -> None:
        self.page.evaluate(
            "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )

    @property
    def message(self) -> str:
        found = self.page.query_selector(".message")
        return found.inner_text() if found else ""

    @property
    def lesions(self) -> list[str]:
        return [x.inner_text() for x in self.page.query_selector_all(".lesion .go")]

    @property
    def none_drawn(self) -> bool:
        return "No lesion is drawn" in self.page.inner_text(".side.right")

    @property
    def edits(self) -> list[str]:
        return [x.inner_text() for x in self.page.query_selector_all(".edits .told")]

    @property
    def session(self) -> str:
        return self.page.url.partition("#session=")[2]

    def point(self, across: float, down: float, view: str = "Axial") -> tuple[float, float]:
        """The screen's point at these fractions of a pane."""
        box = self.page.locator(f'[data-view="{view}"] canvas.image').bounding_box()
        assert box is not None
        return box["x"] + across * box["width"], box["y"] + down * box["height"]

    def click(self, across: float, down: float, view: str = "Axial") -> None:
        self.page.mouse.click(*self.point(across, down, view))

    def brush(self, across: float, down: float) -> None:
        """One touch of the brush, to its end."""
        self.press("Brush")
        self.click(across, down)
        self.settle()

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], *, settle: bool = True
    ) -> None:
        """Over the axial view; without `settle` the button stays down."""
        self.page.mouse.move(*self.point(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.point(*end), steps=4)
        if settle:
            self.page.mouse.up()
            self.settle()

    def point_of(self, header: dict[str, Any], lps: Sequence[float]) -> tuple[float, float]:
        """The screen's point of a position, in the axial view of an axial grid as it begins."""
        box = self.page.locator('[data-view="Axial"] canvas.image').bounding_box()
        assert box is not None
        affine = np.asarray(header["affine_lps"])
        sides = np.asarray(header["shape"])[:0:-1] * affine.diagonal()[:2]  # x, y; mm
        fit = min(
            (box["width"] - 24) / min(250, sides[0]), (box["height"] - 44) / min(250, sides[1])
        )
        first = affine[:2, 3] - affine.diagonal()[:2] / 2
        x, y = (np.asarray(lps[:2]) - first - sides / 2) * fit
        return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y

    def pixels(self, view: str = "Axial") -> str:
        """All of a pane's picture, to be compared with another."""
        canvas = self.page.locator(f'[data-view="{view}"] canvas.image')
        found: str = canvas.evaluate("(c) => c.toDataURL()")
        return found

    def slice(self, index: int) -> None:
        """The axial slice counted from the head."""
        self.page.locator('[data-view="Axial"] .slice').evaluate(
            "(s, k) => { s.value = k; s.dispatchEvent(new Event('input')); }", index
        )
        self.frame()

    def drawn(
        self,
        shape: Sequence[int],
        spacing: Sequence[float],
        slices: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Labels (inferior, posterior, left) read from the screen; 255: not in sight."""
        read = []
        for index in range(shape[0]) if slices is None else slices:
            self.slice(index)
            asked = [shape[2], shape[1], spacing[2], spacing[1]]
            colours = np.asarray(self.page.evaluate(_DRAWN, asked)).reshape(shape[1:])
            labels = np.zeros(shape[1:], dtype=np.uint8)
            labels[colours < 0] = 255
            for value, (red, green, blue) in enumerate(_COLOURS, start=1):
                labels[colours == (red << 16 | green << 8 | blue)] = value
            read.append(labels)
        return np.stack(read)

    def pictured(self, name: str) -> None:
        """Screenshots at both sizes, where somebody wants them: HNUISEG_SCREENSHOTS=FOLDER."""
        if not _SCREENSHOTS:
            return
        folder = Path(_SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.wait_for_timeout(300)
            taken = Image.open(io.BytesIO(self.page.screenshot()))
            # every colour as it is, in half of what PNG takes
            taken.convert("RGB").save(folder / f"{name}-{width}.webp", lossless=True, method=6)
        self.page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
        self.page.wait_for_timeout(200)


@dataclass
class Browsing:
    """The browser; each visit is another person's: nothing is kept between them."""

    browser: "Browser"

    @contextmanager
    def visit(self, url: str, *, flat: bool = False, new_here: bool = False) -> Iterator[Viewed]:
        """A tab at a printed URL; `flat`: contours can be read back from pixels."""
        context = self.browser.new_context(
            viewport={"width": SIZES[0][0], "height": SIZES[0][1]}, accept_downloads=True
        )
        if not new_here:
            kept = {"hnuiseg-hint": {"seen": True}, "hnuiseg-look": _FLAT if flat else {}}
            for key, value in kept.items():
                told = f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))})"
                context.add_init_script(told)
        try:
            yield watched(context.new_page(), url)
        finally:
            context.close()


def watched(page: "Page", url: str) -> Viewed:
    """A tab whose errors and foreign requests are noted."""
    viewed = Viewed(page)
    host = urlsplit(url).netloc
    page.on(
        "console",
        lambda m: (
            viewed.complaints.append(m.text)
            if m.type in ("error", "warning") and "readback" not in m.text  # by `drawn` itself
            else None
        ),
    )
    page.on("pageerror", lambda error: viewed.complaints.append(str(error)))

    def asked(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("data", "blob") and parts.netloc != host:
            viewed.elsewhere.append(address)

    page.on("request", lambda request: asked(request.url))
    page.goto(url)
    return viewed


@contextmanager
def browsing(executable: str) -> Iterator[Browsing]:
    """Chromium until the end of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=list(_FLAGS))
        try:
            yield Browsing(browser)
        finally:
            browser.close()


def axial_labels(stored: np.ndarray, header: dict[str, Any]) -> np.ndarray:
    """A fetched array (z, y, x) of an axial grid as `drawn` has it: head first."""
    lps = np.asarray(header["affine_lps"])
    turned = stored
    for axis, sign in ((0, -1.0), (1, 1.0), (2, 1.0)):
        row = 2 - axis
        if np.sign(lps[row, row]) != sign:
            turned = np.flip(turned, axis)
    return np.asarray(turned)

"""The server goes and comes back under an open page: nothing that was done is lost."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from browsing import Browsing

_MAIN = [sys.executable, "-c", "from hnuiseg.cli.main import main; main()"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """`hnuiseg serve` at a port that is the same every time."""

    def __init__(self, ct_file: Path, model_file: Path, work: Path, port: int) -> None:
        options = ["--work", str(work), "--model", str(model_file), "--samples", "2"]
        self.process = subprocess.Popen(
            [*_MAIN, "serve", str(ct_file), *options, "--port", str(port), "--threads", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_killed_and_restarted_under_an_open_page(
    browser: Browsing, ct_file: Path, model_file: Path, tmp_path: Path
) -> None:
    """The page says so, keeps the edit that was on its way, and goes on once the URL is opened."""
    port = _free_port()
    server = Process(ct_file, model_file, tmp_path / "work", port)
    try:
        with browser.visit(server.url) as tab:
            tab.enter()
            tab.brush(0.5, 0.5)
            assert len(tab.edits) == 1
            server.end()
            tab.click(0.45, 0.5)  # nobody hears it
            tab.until(lambda: "doesn't answer" in tab.page.inner_text(".banner.away"))
            assert "waits here" in tab.message or "Working" in tab.message
            server = Process(ct_file, model_file, tmp_path / "work", port)
            tab.until(lambda: "Open the address" in tab.page.inner_text(".banner.away"))
            other = tab.page.context.new_page()
            other.goto(server.url)
            other.wait_for_selector(".study")
            tab.until(lambda: not tab.page.locator(".banner.away").is_visible(), 60)
            tab.settle()
            tab.until(lambda: len(tab.edits) == 2)
            tab.press("Undo")
            tab.settle()
            tab.until(lambda: len(tab.edits) == 1)
            server.end(signal.SIGTERM)
            tab.click(0.55, 0.5)
            server = Process(ct_file, model_file, tmp_path / "work", port)
            other.goto(server.url)
            tab.until(lambda: len(tab.edits) == 2, 60)
            tab.settle()
            other.get_by_text("Being worked on").wait_for()
    finally:
        server.end()

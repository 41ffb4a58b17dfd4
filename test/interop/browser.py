"""Opens a page in headless Chromium, where there is one."""

import re
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A page's scripts run in virtual time: nothing is waited for.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--enable-logging=stderr")


def browser():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """What became of a page: its source, what it said on the console, the charts that uPlot drew in it."""

    def __init__(self, source, document, log):
        self.source = source
        self.console = [line for line in log.splitlines() if "CONSOLE" in line]
        self.drawn = len(re.findall(r"<canvas\b", document))
        self.addresses = re.findall(r"(?:src|href)=\"[^\"]+\"|https?://[^\s\"']+", document)


def open_page(path, screenshot, size="1400,3600"):
    address = Path(path).resolve().as_uri()
    document = call("--dump-dom", address)
    call(f"--screenshot={screenshot}", f"--window-size={size}", "--hide-scrollbars", address)
    return Page(Path(path).read_text(), document.stdout, document.stderr)


def call(*options):
    return subprocess.run([browser(), *OPTIONS, *options], capture_output=True, text=True, timeout=120, check=True)

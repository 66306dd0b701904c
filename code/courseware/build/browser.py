"""Chromium for browser tests and benchmarks: find one, or install one, or say what to do.

`python -m courseware.build.browser` prints the path of a browser that starts.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

# The headless shell first: it opens a page at a third of the cost, having no window to prepare.
NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser",
    "google-chrome-stable", "google-chrome", "chrome",
)  # fmt: skip
PACKAGES = ("chromium-headless-shell", "chromium")  # Debian's and its kin's
MAC = ("Google Chrome.app/Contents/MacOS/Google Chrome", "Chromium.app/Contents/MacOS/Chromium")
HELP = (
    "No Chromium was found and none could be installed. Install Chromium or Chrome with your "
    "system's package manager, or name one in the environment variable CHROMIUM."
)


class NoBrowserError(RuntimeError):
    """No browser, and nobody but the reader can change that."""


def starts(path: str) -> bool:
    """Whether this file is a browser that runs here (a snap's placeholder or a browser with
    missing libraries is not)."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def candidates():
    """What may be a browser, the best guess first."""
    if named := os.environ.get("CHROMIUM"):
        yield named
    yield from filter(None, map(shutil.which, NAMES))
    yield from (f"/Applications/{name}" for name in MAC if Path("/Applications", name).exists())
    if own := playwrights_own():
        yield own


def playwrights_own() -> str | None:
    """The browser `playwright install chromium` puts into the user's cache, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


@functools.cache
def chromium() -> str:
    """Path of a Chromium that starts; raises NoBrowserError when there is none."""
    for path in candidates():
        if starts(path):
            return path
    raise NoBrowserError(HELP)


def install() -> None:
    """Playwright's Chromium, or as root on Debian and its kin the distribution's package."""
    print("No Chromium here: installing Playwright's …", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(command, **quiet).returncode == 0:
        own = playwrights_own()
        if own and starts(own):
            return
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        print("That did not do: installing the distribution's Chromium …", flush=True)
        quiet["env"] = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update"], **quiet)
        for package in PACKAGES:
            if subprocess.run(["apt-get", "install", "-y", package], **quiet).returncode == 0:
                return


def main() -> int:
    try:
        path = chromium()
    except NoBrowserError:
        install()
        try:
            path = chromium()
        except NoBrowserError as error:
            print(error, file=sys.stderr)
            return 1
    print(f"Browser: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

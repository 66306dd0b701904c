"""Pages in Chromium: what a reader waits for, what goes over the wire, who else is asked."""

from __future__ import annotations

import base64
import json
import statistics
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from courseware.build.browser import chromium
from courseware.build.serve import BookServer

VISITS = 7
MOVES = 60
STATES = "script[type='application/x-courseware-states']"

# Notes when the first explorer has drawn; brings it into view, as for a reader who came for it.
WATCH = """
addEventListener("courseware:drawn", () => { window.firstDrawn ??= performance.now(); });
addEventListener("DOMContentLoaded", () => {
  document.querySelector(".courseware-explorer input, .courseware-explorer select, .widget-hslider")
    ?.scrollIntoView({ block: "center" });
});
"""

# Waits from the browser's input event to the frame in which the new figure has been painted.
TIME_MOVES = """
window.moves = [];
addEventListener("input", () => { window.moved = performance.now(); }, true);
addEventListener("courseware:drawn", () => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();  // runs once this frame has been painted
  port1.onmessage = () => {
    if (window.moved) window.moves.push(performance.now() - window.moved);
    window.moved = 0;
  };
  port2.postMessage(0);
}));
"""


def pages_of(book: Path) -> dict[str, int]:
    """Every page with explorers, and how many it has."""
    counts = {}
    for path in sorted(book.rglob("*.html")):
        count = path.read_text(encoding="utf-8").count('data-control="')
        explorers = path.read_text(encoding="utf-8").count('class="courseware-explorer"')
        if count:
            counts[path.relative_to(book).as_posix()] = explorers
    return counts


def measure(book: Path, pages: list[str]) -> dict[str, dict]:
    """Cold visits and slider moves of these pages of a built book."""
    with BookServer(book) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            # No name resolves: other origins are refused without the interception of requests,
            # which would switch the browser's cache off.
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
        )
        found = {}
        for page in pages:
            visits = [cold_visit(browser, address, page) for _ in range(VISITS + 1)][1:]
            found[page] = summary(visits) | moves(browser, address, page)
        browser.close()
    return found


def open_page(browser: Browser, address: str, script: str) -> tuple[Page, list[str], list[str]]:
    """A page in a fresh profile, with its requests to other origins and its errors."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    elsewhere, errors = [], []

    def note(request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            elsewhere.append(request.url)

    page.on("request", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.add_init_script(script)
    return page, elsewhere, errors


def cold_visit(browser: Browser, address: str, name: str) -> dict:
    page, elsewhere, errors = open_page(browser, address, WATCH)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(f"{address}/{name}", wait_until="load")
    try:
        page.wait_for_function("window.firstDrawn", timeout=8000)
    except Exception:
        pass  # nothing that can be moved: reported as such
    page.wait_for_timeout(500)
    seen = page.evaluate(
        """() => ({
            paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
            usable: window.firstDrawn ?? null,
        })"""
    )
    page.context.close()
    origins = sorted({urlsplit(url).netloc for url in elsewhere})
    return seen | {
        "bytes": sum(received),
        "other_origins": len(elsewhere),
        "origins": origins,
        "errors": len([e for e in errors if "ERR_NAME_NOT_RESOLVED" not in e]),
    }


def summary(visits: list[dict]) -> dict:
    """Medians over the visits; the worst of what must be nought."""

    def median(key):
        values = [visit[key] for visit in visits]
        return None if None in values else round(statistics.median(values))

    return {
        "first_paint_ms": median("paint"),
        "usable_slider_ms": median("usable"),
        "bytes_on_wire": median("bytes"),
        "other_origin_requests": max(visit["other_origins"] for visit in visits),
        "other_origins": sorted({name for visit in visits for name in visit["origins"]}),
        "page_errors": max(visit["errors"] for visit in visits),
    }


def moves(browser: Browser, address: str, name: str) -> dict:
    """Slider to paint for every slider of the page, moved by the keyboard, one step at a time."""
    page, _, _ = open_page(browser, address, TIME_MOVES)
    page.goto(f"{address}/{name}", wait_until="load")
    found = []
    for figure in page.query_selector_all(".courseware-explorer"):
        slider = figure.query_selector("input[type=range]")
        if slider is None:
            continue
        figure.scroll_into_view_if_needed()
        figure.evaluate("element => element.courseware.ready()")
        page.wait_for_timeout(300)
        slider.focus()
        page.evaluate("window.moves = []")
        steps = int(slider.get_attribute("max"))
        keys = ["ArrowLeft"] * steps + (["ArrowRight"] * steps + ["ArrowLeft"] * steps) * MOVES
        for key in keys[: steps + MOVES]:  # to the left end first, then to and fro
            page.keyboard.press(key)
            page.wait_for_timeout(40)
        times = sorted(page.evaluate("window.moves"))
        kinds = figure.evaluate(
            """(element) => element.querySelector(".js-plotly-plot")
                ?.data.map((trace) => trace.type || "scatter") ?? ["worksheet"]"""
        )
        if len(times) < MOVES // 2:
            raise RuntimeError(f"{name}: only {len(times)} moves drew anything")
        found.append(
            {
                "figure": " + ".join(sorted(set(kinds))),
                "moves": len(times),
                "median_ms": round(statistics.median(times), 1),
                "p95_ms": round(times[int(0.95 * len(times))], 1),
            }
        )
    payloads = [
        len(base64.b64decode(text))
        for text in page.eval_on_selector_all(STATES, "all => all.map(e => e.textContent.trim())")
    ]
    page.context.close()
    return {"slider_to_paint": found, "explorer_payload_bytes": payloads}


if __name__ == "__main__":
    built = Path("_build/html")
    print(json.dumps(measure(built, list(pages_of(built))), indent=1))

"""The built book, a server for it, and a browser that tells what a page asks and complains of."""

import os
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("COURSEWARE_BOOK", ROOT / "_build" / "html"))
FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run --disable-quic"
).split()
# axe leaves rubbish that a test may call to be collected, but not what was compiled of axe itself.
SCRIPTS = "--js-flags=--expose-gc --no-flush-bytecode"
# Whatever is not this machine does not exist for the browser.
BLOCK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def _pages() -> list[str]:
    """Every page of the built book, by its path in the book."""
    found = (path.relative_to(BOOK) for path in sorted(BOOK.rglob("*.html")))
    return [path.as_posix() for path in found if not path.parts[0].startswith("_")]


def _lessons() -> list[str]:
    """The pages made of notebooks: not a chapter's index, not its formulas."""
    numbered = re.compile(r"chapters/[^/]+/\d\d-[^/]+\.html")
    return [page for page in _pages() if numbered.fullmatch(page)]


def _first_lessons() -> list[str]:
    """One lesson per chapter."""
    chapters = {name.split("/")[1]: name for name in reversed(_lessons())}
    return sorted(chapters.values())


def _longest_name(folder: str) -> str | None:
    """The page of a folder whose name needs most room."""
    return max((p for p in _pages() if p.startswith(f"{folder}/")), key=len, default=None)


def pytest_generate_tests(metafunc):
    """`page_name` runs over all pages, `lesson` over lessons, `first_lesson` over one per chapter,
    `sample` over these, the front page, a guide and a page of the reference.

    For the session: tests of one page follow one another, so that they can share it.
    """
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", _pages() or ["index.html"], scope="session")
    if "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", _lessons() or ["index.html"], scope="session")
    if "first_lesson" in metafunc.fixturenames:
        metafunc.parametrize("first_lesson", _first_lessons() or ["index.html"])
    if "sample" in metafunc.fixturenames:
        others = [_longest_name("guides"), _longest_name("reference")]
        metafunc.parametrize("sample", ["index.html", *filter(None, others), *_first_lessons()])


@pytest.fixture(scope="session")
def book() -> Path:
    if not (BOOK / "index.html").is_file():
        pytest.fail(f"no book in {BOOK}: build it first with `make html`", pytrace=False)
    return BOOK


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def server(book):
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=book))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    from courseware.build.browser import chromium

    with sync_playwright() as playwright:
        arguments = [*FLAGS, SCRIPTS, BLOCK]
        chrome = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield chrome
        chrome.close()


@dataclass
class Watch:
    """What a page asked of others and what it complained of."""

    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def follow(self, page):
        page.on("request", lambda request: self._request(request.url))
        page.on("requestfailed", self._failed)
        page.on("response", self._response)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("console", self._console)

    def _failed(self, request):
        # A page that is left early gives up what it was still loading: no fault of the page.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _request(self, url):
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "file") and parts.hostname != "127.0.0.1":
            self.foreign.append(url)

    def _response(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def forget(self):
        self.foreign.clear()
        self.complaints.clear()

    def check(self):
        assert self.foreign == []
        assert self.complaints == []


def _look(browser, width, height=800, dark=False):
    """A new tab with nothing remembered, and what watches it."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(60_000)  # a busy machine is not a fault of the page
    watch = Watch()
    watch.follow(page)
    return page, watch


@pytest.fixture
def visit(browser, server):
    """`visit(name, width=…, dark=…)` opens a page; it must ask nobody and complain of nothing."""
    visits = []

    def open_page(name, width=1280, height=800, dark=False, address=None):
        visits.append(_look(browser, width, height, dark))
        page = visits[-1][0]
        page.goto(address or f"{server}/{name}")
        return page

    yield open_page
    for page, _ in visits:
        page.context.close()
    for _, watch in visits:
        watch.check()


class Tab:
    """A tab that stays open: opening a page after another costs half of what a new tab costs."""

    def __init__(self, browser, server, width, theme):
        self.page, self.watch = _look(browser, width)
        self.server, self.width, self.theme = server, width, theme

    @contextmanager
    def at(self, name):
        """This page as a new visitor meets it; afterwards it is judged and forgotten."""
        self.watch.forget()
        self.page.set_viewport_size({"width": self.width, "height": 800})
        self.page.emulate_media(color_scheme=self.theme)
        self.page.goto(f"{self.server}/{name}")
        yield self.page
        self.page.evaluate("localStorage.clear()")
        self.page.goto("about:blank")
        self.watch.check()


@pytest.fixture(scope="session")
def phone(browser, server):
    return Tab(browser, server, width=390, theme="dark")


@pytest.fixture(scope="session")
def desk(browser, server):
    return Tab(browser, server, width=1280, theme="light")


@pytest.fixture(scope="session")
def on_phone(phone, page_name, draw_all):
    """This page on a phone at night, all figures drawn, for tests that take it as it is left."""
    with phone.at(page_name) as page:
        draw_all(page)
        yield page


@pytest.fixture(scope="session")
def on_desk(desk, lesson, draw_all):
    """This lesson in a wide window, all figures drawn, for tests that leave it fit for the next."""
    with desk.at(lesson) as page:
        draw_all(page)
        yield page


@pytest.fixture(scope="session")
def lessons(book) -> list[str]:
    """All lessons, by their paths in the book."""
    return _lessons()


@pytest.fixture(scope="session")
def draw_all():
    """`draw_all(page)` draws all figures of a page, also those far below."""
    script = """() => Promise.all([...document.querySelectorAll(".courseware-explorer")]
        .map((element) => element.courseware.ready()))"""
    return lambda page: page.evaluate(script)


_SPANS = re.compile(r"<span\b|</span>")


def _without_insides(html: str) -> str:
    """Formulas and stored states emptied: nine tenths of a page, and nothing in them to test."""
    html = re.sub(r"(<math\b[^>]*>).*?(</math>)", r"\1\2", html, flags=re.DOTALL)
    html = re.sub(
        r"(<script type=.application/x-[^>]*>).*?(</script>)", r"\1\2", html, flags=re.DOTALL
    )
    pieces, end = [], 0
    for opening in re.finditer(r'<span class="katex-html"[^>]*>', html):
        pieces.append(html[end : opening.end()])
        depth = 1
        for tag in _SPANS.finditer(html, opening.end()):
            depth += 1 if tag[0] == "<span" else -1
            if not depth:
                end = tag.start()
                break
    return "".join([*pieces, html[end:]])


@pytest.fixture(scope="session")
def soup(book):
    """`soup(name)` is a page's HTML as a tree, for tests that need no browser."""
    from bs4 import BeautifulSoup

    return lru_cache(None)(
        lambda name: BeautifulSoup(
            _without_insides((book / name).read_text("utf-8")), "html.parser"
        )
    )


@pytest.fixture(scope="session")
def anchors(soup):
    """`anchors(name)` are the identifiers of a page's elements, where links may land."""
    return lru_cache(None)(lambda name: {element["id"] for element in soup(name).select("[id]")})

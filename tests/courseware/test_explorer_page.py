"""Explorers in a real browser, on a page opened from a file: states, moves, themes, requests."""

import contextlib
import json
from pathlib import Path

import numpy as np
import plotly
import pytest

from courseware import explore, figures, show
from courseware.explorers import page
from courseware.explorers.page import grid
from courseware.explorers.states import as_json

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "code" / "courseware" / "explorers"
WORDS = {"caption": "Notice.", "alt": "What is seen."}
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
SCORES = np.random.default_rng(1).normal(size=(6, 6))
HEADS = 10.0 ** np.linspace(-6, 2, 9)


def heat(temperature, causal):
    scores = np.where(np.tril(np.ones((6, 6))) > 0, SCORES, -np.inf) if causal else SCORES
    weights = np.exp(scores / temperature)
    weights /= weights.sum(axis=1, keepdims=True)
    weights[scores == -np.inf] = np.nan
    figure = figures.heatmap(weights, z_range=(0, 1), values=".2f")
    return figure.add_annotation(
        text=f"T = {temperature}", x=1, y=1, xref="paper", yref="paper", yanchor="bottom"
    )


def bars(d, rule):
    y = {"none": HEADS[:d] / 1e2, "root": np.full(d, 1 / d)}[rule]
    figure = figures.bars(
        np.arange(d), y, y_range=[0, 1], color=[figures.ORANGE] + [figures.BLUE] * 8
    )
    figure.update_xaxes(range=[-1, 9])
    return figure.add_shape(
        type="line", x0=0, x1=9, y0=1 / d, y1=1 / d, line_color=figures.fade(figures.RED, 0.5)
    )


def free(power):
    return figures.lines(
        [1, 2, 3, 4], {"grows": HEADS[:4] ** power, "rests": [1e-5] * 4}, log_y=True
    )


EXPLORERS = [
    (heat, dict(temperature=(0.25, 2.0, 0.25), causal=True, start={"temperature": 1.0})),
    (bars, dict(d=[2, 4, 8], rule=["none", "root"])),
    (free, dict(power=(0.5, 1.5, 0.5))),
]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    from courseware.build.browser import chromium

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A page with all explorers and a plain figure, as the book lays it out."""
    folder = tmp_path_factory.mktemp("site")
    bundles = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSEWARE_FRONT_END", "page")
        patch.setattr(page, "publish", bundles.append)
        patch.setattr("courseware.explorers.html.rich", lambda text, inline=False: text)
        for draw, options in EXPLORERS:
            explore(draw, **WORDS, **options)
        show(figures.bars(["a", "b"], [1, 2]), **WORDS)
    whole = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    for bundle in ("plotly-basic", "plotly-cartesian", "plotly"):
        packed = ROOT / "node_modules" / f"{bundle.replace('plotly', 'plotly.js')}-dist-min"
        source = packed / f"{bundle}.min.js"
        (folder / f"{bundle}.min.js").symlink_to(source if source.exists() else whole)
    for asset in ("explorer.js", "explorer.css"):
        (folder / asset).symlink_to(ROOM / asset)
    figures_html = "\n<p>Words.</p>\n".join(bundle["text/html"] for bundle in bundles)
    (folder / "index.html").write_text(
        '<!doctype html><html lang="en" data-theme="light" data-scripts>'
        '<meta charset="utf-8"><title>T</title>'
        '<meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="explorer.css"><script defer src="explorer.js"></script>'
        f"<body>{figures_html}</body></html>",
        "utf-8",
    )
    return (folder / "index.html").as_uri()


@contextlib.contextmanager
def opened(browser, site, **context):
    """The page with all its figures drawn; afterwards: no error, no request elsewhere."""
    context = browser.new_context(**context)
    tab = context.new_page()
    trouble, asked = [], []
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(site)
    tab.evaluate(
        "Promise.all([...document.querySelectorAll('figure')].map((f) => f.courseware.ready()))"
    )
    yield tab
    context.close()
    assert not trouble
    home = site.rsplit("/", 1)[0]
    assert all(url.startswith((home, "data:", "blob:")) for url in asked), asked
    assert [url for url in asked if "plotly" in url] == [f"{home}/plotly-cartesian.min.js"]


@pytest.fixture
def tab(browser, site):
    with opened(browser, site, viewport={"width": 1280, "height": 900}) as tab:
        yield tab


def move(tab, i, name, option):
    """Choose an option and wait until the figure shows it."""
    tab.evaluate(
        """([i, name, option]) => new Promise((done) => {
             const figure = document.querySelectorAll("figure")[i];
             figure.addEventListener("courseware:drawn", done, { once: true });
             figure.courseware.set(name, option);
           })""",
        [i, name, option],
    )


PLOT = "document.querySelectorAll('.explorer-plot')"


def test_browser_decodes_what_python_drew(tab):
    from courseware.explorers.controls import read_controls

    for i, (draw, options) in enumerate(EXPLORERS):
        options = dict(options)
        controls = read_controls(draw, options, None, options.pop("start", None))
        drawn = grid(draw, controls)
        stored = tab.evaluate(
            """([i, n]) => Array.from({ length: n }, (_, state) => {
                 const figure = document.querySelectorAll("figure")[i].courseware.figure(state);
                 return JSON.stringify(figure, (_, v) => (ArrayBuffer.isView(v) ? [...v] : v));
               })""",
            [i, len(drawn)],
        )
        for text, tree in zip(stored, drawn, strict=True):
            assert close(json.loads(text), as_json(tree))


def close(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(close(a[k], b[k]) for k in b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, (int, float)):
        return abs(a - b) <= 2e-5 * max(1, abs(b))
    return a == b


def test_a_slider_moves_the_figure(tab):
    slider = tab.locator("input[type=range]").first
    before = tab.evaluate(f"[...{PLOT}[0].data[0].z[3]]")
    slider.focus()
    drawn = "document.querySelector('figure').courseware.state().temperature"
    assert tab.evaluate(drawn) == "1.00"
    for _ in range(2):
        tab.keyboard.press("ArrowRight")
    assert tab.evaluate(drawn) == "1.50"
    assert slider.get_attribute("aria-valuetext") == "1.50"
    assert tab.locator("output").first.text_content() == "1.50"
    tab.wait_for_function(f"{PLOT}[0].querySelector('.annotation').textContent === 'T = 1.5'")
    expected = heat(1.5, True).data[0].z[3]
    after = tab.evaluate(f"[...{PLOT}[0].data[0].z[3]]")
    assert after[:4] != before[:4]
    assert np.allclose(after[:4], expected[:4], atol=1e-4)


def test_small_moves_paint_what_a_full_layout_paints(tab):
    """Moves that skip the layout give the same pixels as the whole figure drawn anew."""
    moves = [(0, "temperature", "0.25"), (0, "causal", "off"), (1, "d", "8"), (1, "rule", "root"),
             (0, "temperature", "2.00"), (2, "power", "1.5")]  # fmt: skip
    tab.evaluate(
        "() => { window.layouts = 0; const react = Plotly.react;"
        "Plotly.react = (...all) => { window.layouts++; return react(...all); } }"
    )
    for i, name, option in moves:
        move(tab, i, name, option)
        plot = tab.locator(".explorer-plot").nth(i)
        small = plot.screenshot()
        tab.evaluate(
            """async (i) => {
                 const plot = document.querySelectorAll(".explorer-plot")[i];
                 const { data, layout } = plot.closest("figure").courseware.figure();
                 layout.template = plot.layout.template;
                 await Plotly.newPlot(plot, data, layout, { displayModeBar: false });
               }""",
            i,
        )
        assert plot.screenshot() == small, (i, name, option)
    # An axis that finds its own range needs the whole layout, the others do not.
    assert tab.evaluate("window.layouts") == 1


def test_dark_theme_and_back(tab):
    def colours():
        bars, ink = f"{PLOT}[1]", f"{PLOT}[0].layout.template.layout.font.color"
        return tab.evaluate(
            f"[{bars}.data[0].marker.color[0], {PLOT}[0].data[0].colorscale[6][1],"
            f"{bars}.layout.shapes[0].line.color, {ink}]"
        )

    light = colours()
    dark = figures.dark_colours()
    assert light[:2] == [figures.ORANGE, figures.BLUE]
    theme = "document.documentElement.dataset.theme"
    tab.evaluate(f"{theme} = 'dark'")
    tab.wait_for_function(f"{PLOT}[1].data[0].marker.color[0] === '{dark[figures.ORANGE]}'")
    tab.wait_for_function(f"{PLOT}[0].data[0].colorscale[6][1] === '{dark[figures.BLUE]}'")
    assert colours()[2:] == [figures.fade(dark[figures.RED], 0.5), dark[figures.INK]]
    move(tab, 1, "d", "8")  # moves keep the theme
    assert colours()[0] == dark[figures.ORANGE]
    tab.evaluate(f"{theme} = 'light'")
    tab.wait_for_function(f"{PLOT}[1].data[0].marker.color[0] === '{figures.ORANGE}'")
    tab.wait_for_function(f"{PLOT}[0].data[0].colorscale[6][1] === '{figures.BLUE}'")


def test_a_figure_far_away_changes_its_colours_when_the_reader_comes(tab):
    tab.evaluate("document.querySelectorAll('figure')[1].style.marginTop = '5000px'")
    painted = f"{PLOT}[1].data[0].marker.color[0]"
    dark = figures.dark_colours()
    tab.wait_for_timeout(100)  # the browser says what is near a frame or two later
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    tab.wait_for_function(f"{PLOT}[0].data[0].colorscale[6][1] === '{dark[figures.BLUE]}'")
    tab.wait_for_timeout(100)
    assert tab.evaluate(painted) == figures.ORANGE
    tab.evaluate("document.querySelectorAll('figure')[1].scrollIntoView()")
    tab.wait_for_function(f"{painted} === '{dark[figures.ORANGE]}'")


def test_nothing_shifts_when_figures_arrive(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => {"
        "for (const e of list.getEntries()) window.shift += e.value; })"
        ".observe({ type: 'layout-shift', buffered: true })"
    )
    tab.goto(site)
    tab.evaluate("document.querySelector('figure').courseware.ready()")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.shift") < 0.01
    context.close()


def test_phone(browser, site):
    phone = dict(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    with opened(browser, site, **phone) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        for box in ("input[type=range]", "select", ".is-checkbox label"):
            for height in tab.evaluate(
                "(box) => [...document.querySelectorAll(box)].map((e) => e.offsetHeight)", box
            ):
                assert height >= 44, box
        # A finger that starts on a figure scrolls the page.
        plot = tab.locator(".explorer-plot").first
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        before = tab.evaluate("scrollY")
        tab.context.new_cdp_session(tab).send(
            "Input.synthesizeScrollGesture",
            {"x": box["x"] + 150, "y": box["y"] + 200, "yDistance": -150, "speed": 2000},
        )
        assert tab.evaluate("scrollY") > before + 50


def test_a_figure_that_cannot_be_drawn_says_so_in_words(browser, site):
    context = browser.new_context()
    tab = context.new_page()
    tab.route("**/plotly*", lambda route: route.abort())
    tab.goto(site)
    words = tab.locator(".explorer-plot .explorer-words").first
    assert "What is seen." in words.text_content()
    context.close()


def test_without_javascript_the_words_are_there(browser, site):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site)
    assert tab.locator(".explorer-words", has_text="What is seen.").count() == len(EXPLORERS) + 1
    context.close()

"""What a page loads, all of it from the book's own folder `_static/courseware`.

One style sheet (palette, KaTeX, theme, explorers, quizzes, answers), one script for the page, and
scripts for explorers, worksheets, quizzes and answers on the pages that have some. Nothing is
fetched from another origin.
"""

import json
import re
import shutil
from pathlib import Path

from sphinx.util import logging

from courseware.typesetting import katex

logger = logging.getLogger(__name__)

ROOMS = Path(__file__).parents[1]
FOLDER = "_static/courseware"
# After the palette and KaTeX, in this order.
STYLES = (
    "book/book.css",
    "folds/fold.css",
    "explorers/explorer.css",
    "quizzes/quiz.css",
    "exercises/answers.css",
    "book/reference.css",
    "worksheets/worksheet.css",
    "figures/map/map.css",
)
# A script and the mark in a page's HTML that calls for it, in the order in which they run.
SCRIPTS = {
    "book/memory.js": ("cw-quiz", "cw-answer"),
    "worksheets/worksheet.js": ("courseware-sheet",),
    "explorers/explorer.js": ("courseware-explorer",),
    "explorers/words.js": ("courseware-explorer",),
    "explorers/touch.js": ("courseware-explorer",),
    "explorers/paper.js": ("courseware-explorer",),
    "folds/fold.js": ("fold-button",),
    "quizzes/quiz.js": ("cw-quiz",),
    "exercises/numbers.js": ("cw-answer",),
    "exercises/answers.js": ("cw-answer",),
}
COPIED = (*SCRIPTS, "book/book.js", "book/favicon.svg", "book/logo.svg")
# The bundle of plotly.js that a page's explorers name -> npm package, file.
PLOTLY = {
    "basic": ("plotly.js-basic-dist-min", "plotly-basic.min.js"),
    "cartesian": ("plotly.js-cartesian-dist-min", "plotly-cartesian.min.js"),
    "full": ("plotly.js-dist-min", "plotly.min.js"),
}
# Of the theme's own files the templates here use none; Sphinx copies them all the same.
UNUSED = (
    "scripts",
    "styles",
    "vendor",
    "locales",
    "images",
    "*.html",
    "*.png",
    "mystnb*.css",
    "basic.css",
    "pygments.css",
)


def palette_css() -> str:
    """The palette as custom properties, for both themes."""
    palette = json.loads((ROOMS / "figures" / "palette.json").read_text("utf-8"))

    def properties(colours):
        return " ".join(f"--c-{name}: {value};" for name, value in colours.items())

    return (
        f":root {{ color-scheme: light; {properties(palette['light'])} }}\n"
        f':root[data-theme="dark"] {{ color-scheme: dark; {properties(palette["dark"])} }}\n'
    )


def katex_css(package: Path) -> str:
    """KaTeX's style sheet with its woff2 fonts only: every browser of today reads these."""
    css = (package / "dist" / "katex.min.css").read_text("utf-8")
    return re.sub(r',url\(fonts/[^)]*\.(?:woff|ttf)\) format\("[a-z]*"\)', "", css)


def dark_on_screens(css: str) -> str:
    """Dark rules as the reader has chosen or, where no script runs, as the system says; paper is
    light."""
    chosen = re.compile(r':root\[data-theme="dark"\] (\{[^}]*\})')
    return chosen.sub(
        r"@media screen { \g<0> }"
        "\n"
        r"@media screen and (prefers-color-scheme: dark) { :root:not([data-scripts]) \1 }",
        css,
    )


def stylesheet(package: Path) -> str:
    """Everything a page needs, as one file."""
    own = ((ROOMS / name).read_text("utf-8") for name in STYLES)
    return dark_on_screens("\n".join([palette_css(), katex_css(package), *own]))


def vendor(app):
    """Put the browser parts where pages look for them, before pages are written."""
    if app.builder.format != "html":
        return
    modules = katex.node_modules()
    folder = Path(app.outdir, FOLDER)
    (folder / "fonts").mkdir(parents=True, exist_ok=True)
    for font in (modules / "katex" / "dist" / "fonts").glob("*.woff2"):
        _copy(font, folder / "fonts" / font.name)
    (folder / "book.css").write_text(stylesheet(modules / "katex"), "utf-8")
    for name in COPIED:
        _copy(ROOMS / name, folder / Path(name).name)


def _copy(source: Path, target: Path):
    """Copy only what is new, so that a rebuild touches nothing."""
    if not target.exists() or target.stat().st_mtime_ns != source.stat().st_mtime_ns:
        shutil.copy2(source, target)


def per_page(app, pagename, templatename, context, doctree):
    """The style sheet and scripts of this page; the theme's own are left out."""
    app.add_css_file("courseware/book.css")
    ours = [css for css in context["css_files"] if _name(css).endswith("courseware/book.css")]
    context["css_files"] = ours
    body = context.get("body", "")
    for script, marks in SCRIPTS.items():
        if any(mark in body for mark in marks):
            app.add_js_file(f"courseware/{Path(script).name}", loading_method="defer")
    app.add_js_file("courseware/book.js", loading_method="defer")
    context["plotly"] = _plotly(app, body)
    named = [script for script in context["script_files"] if getattr(script, "filename", None)]
    context["script_files"] = [script for script in named if "scripts/" not in _name(script)]
    for script in context["script_files"]:
        script.attributes["defer"] = "defer"  # nothing stands in the way of the first paint
    _refuse_foreign(pagename, body)


def _plotly(app, body) -> str | None:
    """The smallest bundle that draws all figures of the page, as explorer.js will choose it."""
    wanted = re.findall(r'data-plotly-bundle="(\w+)"', body)
    if not wanted:
        return None
    package, name = PLOTLY[max(wanted, key=list(PLOTLY).index)]
    _copy(katex.node_modules() / package / name, Path(app.outdir, FOLDER, name))
    return f"{FOLDER}/{name}"


def _name(asset) -> str:
    return str(getattr(asset, "filename", asset)).split("?")[0]


_FOREIGN = re.compile(
    r"""<(?:script|link|img|iframe|video|audio|source)\b[^>]*?
                          (?:src|href)=["'](?:https?:)?//[^"']*""",
    re.VERBOSE | re.IGNORECASE,
)


def _refuse_foreign(pagename, body):
    """A page that would ask another origin for something is a fault of the page."""
    for match in _FOREIGN.finditer(body):
        logger.warning(
            "this page would ask another origin: %s", match[0], location=pagename, type="courseware"
        )


def trim(app, exception):
    """Remove what Sphinx copied for the theme and no page uses."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for pattern in UNUSED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app):
    """Connect to the build."""
    app.connect("builder-inited", vendor)
    app.connect("html-page-context", per_page, priority=900)
    app.connect("build-finished", trim, priority=900)

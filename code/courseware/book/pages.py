"""What the templates know of a page: its place in the course, and links to run or read it."""

import re
from pathlib import Path
from urllib.parse import quote

TEMPLATES = Path(__file__).parent / "templates"
_NUMBERED = re.compile(r"(\d+(?:\.\d+)?)\s+(.*)", re.DOTALL)


def _entry(app, context, docname, current):
    """A line of the contents."""
    title = app.env.titles[docname].astext()
    numbered = _NUMBERED.fullmatch(title)
    return {
        "href": context["pathto"](docname),
        "number": numbered[1] if numbered else "",
        "title": numbered[2] if numbered else title,
        "current": docname == current,
    }


def contents(app, context, current) -> list[dict]:
    """Parts -> pages -> the lessons of the chapter that is open."""
    site = app.config.external_site_map
    parts = []
    for part in site.root.subtrees:
        pages = []
        for docname in part.files():
            entry = _entry(app, context, docname, current)
            lessons = [name for tree in site[docname].subtrees for name in tree.files()]
            if current == docname or current in lessons:
                entry["lessons"] = [_entry(app, context, name, current) for name in lessons]
            pages.append(entry)
        parts.append({"caption": part.caption, "pages": pages})
    return parts


def repository(app) -> dict:
    """Address, branch and GitHub name of the repository that `_config.yml` names."""
    options = app.config.html_theme_options
    url = (options.get("repository_url") or "").rstrip("/")
    github = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)", url)
    return {
        "url": url,
        "branch": options.get("repository_branch") or "main",
        "github": github[1] if github else "",
    }


def add_context(app, pagename, templatename, context, doctree):
    """Names that the templates use."""
    place = repository(app)
    source = app.env.doc2path(pagename, base=False) if pagename in app.env.all_docs else ""
    context["contents"] = contents(app, context, pagename)
    context["repository"] = place
    context["is_front_page"] = pagename == app.config.root_doc
    context["is_notebook"] = str(source).endswith(".ipynb")
    context["has_code"] = 'class="cell_input' in context.get("body", "")
    context["has_folded_proofs"] = 'class="fold proof-rest' in context.get("body", "")
    if place["github"] and context["is_notebook"]:
        path = f"{place['github']}/blob/{place['branch']}/{quote(str(source))}"
        context["colab"] = f"https://colab.research.google.com/github/{path}"
    if context["is_notebook"] and context.get("sourcename"):
        context["notebook"] = context["pathto"](f"_sources/{context['sourcename']}", True)


def use_templates(app, config):
    """Our templates before the theme's."""
    config.templates_path.insert(0, str(TEMPLATES))


def setup(app):
    """Connect to the build."""
    app.connect("config-inited", use_templates)
    app.connect("html-page-context", add_context, priority=800)

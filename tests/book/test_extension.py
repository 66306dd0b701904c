"""The book extension on a small book of its own: boxes, numbers, links, and faults to report."""

import re

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from small_book import PAGE, build, notebook

from courseware.typesetting import katex

FRONT = """# A book

See Theorem 7.1.1, (7.1.2) and Exercises 7.1.1 and 7.1.2.
"""
OPENING = r"""# 7.1 A lesson

> **Question.** Why?

**You will be able to** prove $a$ · see
· do.

**Needs** nothing. **5 minutes**, exercises **8 minutes.**

> **Theorem 7.1.1 (size of $\sqrt{d}$).** Then
> $$ a = b. \tag{7.1.1} $$
>
> *Proof.* By (7.1.1). ∎

> **Definition 7.1.2.** Short.

> *Proof of Theorem 7.1.1, again.* In its own quote. ∎

> **Common mistake.** No.

> **Predict.** What?

> **Try it.** That.

> **Anything else.** Said.

$$\begin{aligned} c &= d \end{aligned} \tag{7.1.2}$$

Code such as `Theorem 9.9.9` or `(9.9.9)` is left alone, and so is $f(9.9.9)$.

| a | b |
|---|---|
| 1 | 2 |

| what | *who* | why |
|---|---|---|
| one | two $x$ | SENTENCE |
| three | | four |
""".replace("SENTENCE", "A sentence too long for a column on a phone. " * 2)
EXERCISES = """## Exercises

### Exercise 7.1.1 · by hand · ★ · 5 min

What?
"""
SOLUTION = "<details><summary>Solution</summary>\n\nThat, by (7.1.2).\n\n</details>"


def lesson(*extra):
    html = new_output("display_data", data={"text/html": "<b>shown</b>"})
    cells = [
        new_markdown_cell(OPENING),
        new_code_cell("import math", metadata={"tags": ["setup", "hide-input"]}),
        new_code_cell(
            "#@title A picture\nshow()", metadata={"tags": ["hide-input"]}, outputs=[html]
        ),
        new_markdown_cell(EXERCISES),
        new_code_cell("x = ...", metadata={"tags": ["exercise"]}),
        new_markdown_cell(SOLUTION),
        new_code_cell("x = 1", metadata={"tags": ["solution", "hide-input"]}),
        new_markdown_cell("### Exercise 7.1.2 · in code · ★★ · 9 min\n\nWrite."),
        new_code_cell("y = 2", metadata={"tags": ["solution", "hide-input"]}),
        *extra,
    ]
    return notebook(cells)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    assert build(folder, lesson(), FRONT) == ""
    return folder / "out" / "html"


@pytest.fixture(scope="module")
def page(small):
    return BeautifulSoup((small / PAGE).read_text(), "html.parser")


def test_statement_becomes_a_box(page):
    box = page.select_one("div.box.theorem#theorem-7-1-1")
    assert box.select_one(".box-label").text == "Theorem 7.1.1"
    assert box.select_one(".box-name").text.startswith("Size of")
    assert box.select_one(".box-name .katex") and box.select_one("#equation-7-1-1 .katex-tag")
    proof = box.find_next_sibling("div")
    assert proof["class"] == ["box", "proof"] and proof.text.strip().startswith("Proof.")
    assert proof.select_one("a")["href"] == "#equation-7-1-1"


def test_every_kind_of_box(page):
    kinds = [box["class"][1] for box in page.select(".box")]
    for kind in ("question", "theorem", "definition", "mistake", "predict", "try", "note"):
        assert kinds.count(kind) == 1, kind
    assert kinds.count("proof") == 2 and not page.select("blockquote")


def test_opening_of_a_lesson(page):
    assert page.select_one("h1 .number").text == "7.1"
    assert [item.text.strip()[:5] for item in page.select(".outcomes li")][1:] == ["see", "do."]
    assert page.select_one("p.needs").text.endswith("5 minutes, exercises 8 minutes.")
    assert page.select_one(".pst-scrollable-table-container > table")


def test_cells_of_sentences_know_their_column(page):
    plain, prose = page.select("table")
    assert "prose" not in plain["class"] and "prose" in prose["class"]
    assert [name.text for name in prose.select("td > p > .column")] == ["who: ", "why: ", "why: "]
    assert not plain.select(".column") and prose.select_one(".column em").text == "who"


def test_mentions_lead_to_other_pages(small):
    front = BeautifulSoup((small / "index.html").read_text(), "html.parser")
    links = {a.text: a["href"] for a in front.select("article a.internal")}
    assert links == {
        "Theorem 7.1.1": f"{PAGE}#theorem-7-1-1",
        "(7.1.2)": f"{PAGE}#equation-7-1-2",
        "Exercises 7.1.1": f"{PAGE}#exercise-7-1-1",
        "7.1.2": f"{PAGE}#exercise-7-1-2",
    }


def test_solutions_are_folded_under_their_exercise(page):
    first = page.select_one("section.exercise#exercise-7-1-1")
    assert len(first.select("details")) == 1
    assert first.select_one("details .tag_solution") and first.select_one("details p")
    second = page.select_one("section.exercise#exercise-7-1-2")
    assert second.select_one("details.solution > summary").text == "Solution in code"


def test_folded_code_is_named(page):
    names = [summary.text for summary in page.select(".folded-code > summary")]
    assert names == ["Setup: what this page imports", "Code: A picture"]


def test_cards(small):
    html = (small / "chapters/07-test/index.html").read_text()
    card = BeautifulSoup(html, "html.parser").select_one("ul.cards > li")
    assert card.select_one(".card-title a")["href"] == "01-lesson.html"
    assert card.select_one(".card-small").text == "5 minutes, exercises 8"
    assert "in\ntwo lines" in card.text


def test_only_notebooks_can_be_run(small, page):
    def tools(soup):
        return " ".join(soup.select_one(".tools").text.split())

    assert "Colab" in tools(page) and "Download" in tools(page)
    [colab] = (a["href"] for a in page.select(".tools a") if "colab" in a["href"])
    assert colab.endswith("/chapters/07-test/01-lesson.ipynb") and "/blob/main/" in colab
    front = BeautifulSoup((small / "index.html").read_text(), "html.parser")
    assert "Colab" not in tools(front) and not front.select(".code-button")


def test_nothing_is_shipped_that_no_page_uses(small):
    static = {
        path.relative_to(small / "_static").parts[0] for path in (small / "_static").iterdir()
    }
    assert static <= {
        *("courseware", "doctools.js", "documentation_options.js"),
        *("language_data.js", "searchtools.js", "sphinx_highlight.js"),
    }
    css = (small / "_static/courseware/book.css").read_text()
    fonts = re.findall(r"url\((fonts/[^)]+)\)", css)
    assert fonts and all(font.endswith(".woff2") for font in fonts)
    assert all((small / "_static/courseware" / font).is_file() for font in fonts)
    assert not re.search(r"url\(\s*['\"]?(https?:)?//", css)
    for page in small.rglob("*.html"):
        assert not re.search(r"<script[^>]*mathjax", page.read_text(), re.IGNORECASE), page.name


def test_faults_are_warnings_that_name_the_page(tmp_path):
    plotly = new_output("display_data", data={"application/vnd.plotly.v1+json": {"data": []}})
    foreign = new_output(
        "display_data", data={"text/html": '<script src="https://cdn.example/x.js"></script>'}
    )
    bad = r"""## Bad

By (9.9.9) and Theorem 9.9.8: $\frac{1}$ and

> **Lemma 7.1.1 (a).** One.

> **Lemma 7.1.1 (b).** Two.
"""
    warnings = build(
        tmp_path,
        lesson(
            new_markdown_cell(bad),
            new_code_cell("figure", outputs=[plotly]),
            new_code_cell("remote", outputs=[foreign]),
        ),
    )
    for fault in (
        "no equation 9.9.9 in this course; there are 7.1.1, 7.1.2",
        "no theorem 9.9.8 in this course; there are 7.1.1",
        r"in the formula: \frac{1}",
        "lemma 7.1.1 stands twice",
        "application/vnd.plotly",
        'would ask another origin: <script src="https://cdn.example',
    ):
        assert fault in warnings, warnings
    assert warnings.count("01-lesson") >= 6


def test_a_missing_katex_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEWARE_NODE_MODULES", str(tmp_path))
    with pytest.raises(Exception, match="make book"):
        build(tmp_path / "book", lesson())
    monkeypatch.undo()
    assert katex.render("x")

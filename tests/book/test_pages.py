"""Every page of the built book, as a reader's browser sees it."""


def test_works_from_a_folder(visit, book, first_lesson, draw_all):
    page = visit(first_lesson, address=(book / first_lesson).as_uri())
    draw_all(page)
    assert page.locator(".courseware-explorer .main-svg").count() > 0
    assert page.evaluate("document.fonts.check('16px KaTeX_Math')")


# What stands left of the formula it follows has gone to the next line.
LEFT_BEHIND = """() => {
  const left = (formula) => {
    const text = formula.nextSibling;
    if (text?.nodeType !== 3 || !/^[.,;:!?)\\]”’…]/.test(text.data)) return false;
    const mark = document.createRange();
    mark.setStart(text, 0);
    mark.setEnd(text, 1);
    const last = [...formula.querySelectorAll(".katex-base")].at(-1);
    return mark.getBoundingClientRect().left < last.getBoundingClientRect().left;
  };
  return [...document.querySelectorAll(".katex:not(.katex-display *)")].filter(left)
    .map((formula) => formula.closest("p, li, td, figcaption, div").textContent);
}"""


def test_no_comma_begins_a_line(on_phone):
    on_phone.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    on_phone.evaluate("for (const part of document.querySelectorAll('.fold')) part.hidden = false")
    assert on_phone.evaluate(LEFT_BEHIND) == []


TOO_WIDE = """() => {
  const folded = [...document.querySelectorAll("details:not([open])")];
  const folds = [...document.querySelectorAll(".fold[hidden]")];
  for (const part of folded) part.open = true;
  for (const part of folds) part.hidden = false;
  const wide = [...document.querySelectorAll(".equation")]
    .filter((box) => box.scrollWidth > box.clientWidth + 1)
    .map((box) => box.querySelector("annotation").textContent);
  for (const part of folded) part.open = false;
  for (const part of folds) part.hidden = "until-found";
  return wide;
}"""


def test_formulas_fit_a_wide_screen(on_desk):
    assert on_desk.evaluate(TOO_WIDE) == []


def test_every_control_moves_its_figure(on_desk):
    figures = on_desk.query_selector_all(".courseware-explorer:has([data-control])")
    assert figures
    for figure in figures:
        _every_control_moves(figure)


def test_front_page_explorer_moves(visit, draw_all):
    page = visit("index.html")
    draw_all(page)
    figure = page.query_selector(".courseware-explorer")
    box = figure.query_selector(".explorer-plot").bounding_box()
    assert box["y"] < 400, "the explorer must stand above the fold"
    _every_control_moves(figure)


# The pictures are compared where they are: some have a million letters.
CHANGED = """async (figure) => {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)));
  const before = figure.picture;
  figure.picture = figure.querySelector(".explorer-plot").innerHTML;
  return figure.picture !== before;
}"""


def _every_control_moves(figure):
    controls = figure.query_selector_all("[data-control]")
    assert controls
    for control in controls:
        figure.evaluate(CHANGED)
        moved = any(_choices(control, lambda: figure.evaluate(CHANGED)))
        assert moved, control.get_attribute("id")


def _choices(control, changed):
    """Whether each other option of this control, chosen as a reader would, changes the figure."""
    kind, most, value = control.evaluate("(input) => [input.type, input.max, input.value]")
    if kind == "checkbox":
        control.press("Space")
        yield changed()
    elif kind == "range":
        right = int(most) - int(value)
        for key in ["ArrowRight"] * right or ["ArrowLeft"] * int(most):
            control.press(key)
            yield changed()
    else:
        for index in range(control.evaluate("(select) => select.options.length")):
            control.select_option(index=index)
            yield changed()

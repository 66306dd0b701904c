"""A browser that runs no script: words for figures, no control that would do nothing."""

import pytest


@pytest.fixture(params=["light", "dark"])
def bare(request, browser, server, first_lesson):
    context = browser.new_context(
        java_script_enabled=False,
        color_scheme=request.param,
        viewport={"width": 390, "height": 800},
    )
    page = context.new_page()
    page.goto(f"{server}/{first_lesson}")
    yield page, request.param
    context.close()


def test_what_needs_a_script_is_not_there(bare):
    page, scheme = bare
    dead = page.locator("article button, .top button, [data-control], .search").locator(
        "visible=true"
    )
    assert [element.inner_text() for element in dead.all()] == []
    words = page.locator(".explorer-words").locator("visible=true")
    assert words.count() == page.locator("figure[data-plotly-bundle]").count() > 0
    for place in page.locator(".explorer-plot:empty").all():
        assert not place.is_visible(), "a hole where the figure would be"
    # The contents come after the text, and a link leads there.
    assert page.locator("h1").bounding_box()["y"] < 400
    page.get_by_role("link", name="Contents").click()
    contents = page.get_by_role("navigation", name="Course")
    assert 0 <= contents.bounding_box()["y"] < 800
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    light = sum(map(int, ground[4:-1].split(","))) > 3 * 128
    assert light == (scheme == "light")

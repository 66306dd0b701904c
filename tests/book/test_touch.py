"""A finger on a slider: along it moves it, across it scrolls the page and leaves it as it was."""

import pytest


@pytest.fixture
def swipe(browser, server, first_lesson):
    """`swipe(dx, dy)` over the first slider: its figure before and after, pixels scrolled."""
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{server}/{first_lesson}")
    slider = page.locator(".courseware-explorer input[type=range]").first
    slider.scroll_into_view_if_needed()
    figure = slider.locator("xpath=ancestor::figure")
    figure.evaluate("(figure) => figure.courseware.ready()")
    finger = context.new_cdp_session(page)

    def state():
        return figure.evaluate("(figure) => figure.courseware.state()")

    def touch(kind, *points):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    def go(dx, dy):
        box = slider.bounding_box()
        # The finger lands where the thumb is not.
        share = 0.8 if int(slider.input_value()) == 0 else 0.0
        x, y = box["x"] + 12 + share * (box["width"] - 24), box["y"] + box["height"] / 2
        before, top = state(), page.evaluate("scrollY")
        page.evaluate("addEventListener('input', () => (window.touched = true), true)")
        touch("touchStart", {"x": x, "y": y})
        for step in range(1, 11):
            touch("touchMove", {"x": x + step * dx, "y": y + step * dy})
        touch("touchEnd")
        page.wait_for_function("window.touched")
        page.wait_for_timeout(100)
        return before, state(), page.evaluate("scrollY") - top

    yield go
    context.close()


def test_a_swipe_across_a_slider_scrolls_and_leaves_it(swipe):
    before, after, scrolled = swipe(0, -15)
    assert scrolled > 50
    assert after == before


def test_a_swipe_along_a_slider_moves_it(swipe):
    before, after, scrolled = swipe(-4, 0)
    assert scrolled == 0
    assert after != before

"""The first screen, and what stands beside it, at every width, text size and with contents open.

One page stays open and its window is drawn narrower: that is far cheaper than to open it anew.
"""

from pathlib import Path

import pytest

LAYOUT = Path(__file__).with_name("layout.js").read_text("utf-8")
WIDTHS = range(1920, 319, -40)
FEW_WIDTHS = range(1920, 319, -160)
LARGER = {"standard": 32, "fixed": 26}  # twice a browser's default


@pytest.fixture
def faults(visit):
    """`faults(name)` opens a page and gives `at(widths)`: what is wrong, by width."""

    def open_page(name, text=None):
        page = visit(name, width=1920)
        if text:
            # What a reader sets in the browser: rem follows, and so do media queries in em.
            page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": text})
            page.reload()

        def at(widths, whole=True):
            found = {}
            for width in widths:
                page.set_viewport_size({"width": width, "height": 800})
                if wrong := page.evaluate(LAYOUT, whole):
                    found[width] = wrong
            return found

        return page, at

    return open_page


def test_holds_at_every_width(faults, sample):
    _, at = faults(sample)
    assert at(WIDTHS) == {}


def test_holds_with_text_twice_as_large(faults, sample):
    page, at = faults(sample, text=LARGER)
    assert page.evaluate("matchMedia('(max-width: 60em)').matches"), "1920 pixels are 60 em now"
    # A question of eighty words in such letters is taller than the screen: it must begin there.
    assert at(FEW_WIDTHS, whole=False) == {}


def test_holds_with_the_contents_open(faults, sample):
    page, at = faults(sample)
    page.set_viewport_size({"width": 400, "height": 800})
    page.get_by_role("button", name="Contents").click()
    assert at(FEW_WIDTHS) == {}

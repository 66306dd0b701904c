"""Captions and quiz texts."""

import pytest

from courseware.typesetting import katex, text


def test_emphasis_code_and_formula():
    html = text.to_html("Divide by *the root* `d_h`, that is $\\sqrt{d_h}$.")
    assert html.startswith("<p>") and "<em>the root</em>" in html and "<code>d_h</code>" in html
    assert 'class="katex"' in html and "$" not in html


def test_inline_text_has_no_paragraph():
    assert text.to_html("a **b**", inline=True) == "a <strong>b</strong>"


def test_html_is_shown_not_obeyed():
    assert "<script>" not in text.to_html("<script>alert(1)</script>")
    assert "&lt;b&gt;" in text.to_html("<b>x</b>", inline=True)


def test_underscores_inside_a_formula_are_not_emphasis():
    html = text.to_html("$a_i b_i$ and $c_i d_i$", inline=True)
    assert "<em>" not in html and html.count('class="katex"') == 2


def test_prices_are_not_formulas():
    assert "katex" not in text.to_html("It costs $5 and $6 in all", inline=True)


def test_a_bad_formula_is_an_error():
    with pytest.raises(katex.FormulaError, match="frac"):
        text.to_html(r"so $\frac{1}$")


def test_plain_text_for_attributes():
    assert text.to_plain("the *width* `d_h`\nof $q$") == "the width d_h of q"

"""Formulas set at build time."""

import multiprocessing
import os
import threading

import pytest

from courseware.typesetting import katex


def test_inline_formula_holds_html_and_mathml():
    html = katex.render(r"\sqrt{d_h}")
    assert 'class="katex"' in html and "<math" in html and "katex-display" not in html


def test_displayed_formula_keeps_its_tag():
    html = katex.render(r"a = b \tag{4.2.1}", display=True)
    assert "katex-display" in html and "4.2.1" in html


def test_unknown_command_is_an_error_that_shows_the_formula():
    with pytest.raises(katex.FormulaError, match=r"(?s)Undefined control sequence.*\\softmx\{x\}"):
        katex.render(r"\softmx{x}")


def test_symbol_without_metrics_is_an_error():
    with pytest.raises(katex.FormulaError, match="unknownSymbol"):
        katex.render("a \N{SNOWMAN} b")


def test_an_error_does_not_end_the_process():
    with pytest.raises(katex.FormulaError):
        katex.render(r"\frac{1}")
    assert "katex" in katex.render("x_{17}")


def test_threads_get_their_own_answers():
    answers = {}

    def work(number):
        answers[number] = katex.render(f"x_{{{number}}} + {number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(100, 140)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(str(number) in answers[number] for number in range(100, 140))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_its_own_process():
    katex.render("y_1")
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = pool.map(katex.render, [f"z_{{{number}}}" for number in range(20)])
    assert [f"{number}" in answer for number, answer in enumerate(answers)] == [True] * 20
    assert "katex" in katex.render("y_2")


def test_missing_package_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEWARE_NODE_MODULES", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="make book"):
        katex.node_modules()

"""`make bench`: measure the budgets on this book and on the stock equivalent, in one run.

Writes benchmarks/results.md and benchmarks/results.json. Sections can be measured by themselves:
`python benchmarks/run.py pages builds`. Nothing here decides whether tests pass.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import tempfile
from pathlib import Path

import books
import generation
import kernels
import pages
import tokenization
from tqdm import tqdm

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def machine() -> dict[str, str]:
    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        if name := re.search(r"model name\s*: (.*)", info.read_text()):
            cpu = name[1]
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "load": load,
    }


def measure_pages(results: dict) -> None:
    built = ROOT / "_build" / "html"
    counts = pages.pages_of(built)
    lesson = max((page for page in counts if page.startswith("chapters/")), key=counts.get)
    results["lesson"] = {"page": lesson, "explorers": counts[lesson]}
    results["pages"] = pages.measure(built, list(counts))


def measure_builds(results: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own = books.copy_of_tree(Path(folder) / "own")
        lesson = results["lesson"]["page"].replace(".html", ".ipynb")
        results["builds"] = books.own_book(own, lesson)


def measure_stock(results: dict) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stock = books.copy_of_tree(Path(folder) / "stock")
        results["stock_builds"] = books.stock_book(stock)
        lesson = results["lesson"]["page"]
        results["stock_pages"] = pages.measure(stock / "_build" / "html", [lesson])


SECTIONS = {
    "attention": lambda results: results.update(attention=kernels.measure()),
    "generation": lambda results: results.update(generation=generation.measure()),
    "loading": lambda results: results.update(small_gpt_load_s=generation.load_seconds()),
    "tokenizers": lambda results: results.update(tokenization=tokenization.measure()),
    "pages": measure_pages,
    "builds": measure_builds,
    "stock": measure_stock,
}


def measure(sections: list[str]) -> dict:
    """Results of all sections: of the named ones measured now, of the others as they stand."""
    store = HERE / "results.json"
    results = json.loads(store.read_text()) if set(sections) < set(SECTIONS) else {}
    bar = tqdm(sections, desc="Benchmarks", bar_format="{desc} {n}/{total} {postfix}")
    for section in bar:
        bar.set_postfix_str(section)
        results.setdefault("load_at_start", {})[section] = machine()["load"]
        SECTIONS[section](results)
        results["machine"] = machine()
        store.write_text(json.dumps(results, indent=1) + "\n")
    return results


def kilobytes(count: float) -> str:
    return f"{count / 1000:,.0f} kB"


def budget(text: str, met: bool | None) -> str:
    return f"{text} {'' if met is None else '✓' if met else '✗'}".strip()


def milliseconds(value: float | None) -> str:
    return "never: it needs a kernel" if value is None else f"{value:.0f} ms"


def of_stock(results: dict | None, tell) -> str:
    """What the stock book's results tell, if that book has been measured."""
    return tell(results) if results else "not measured"


def page_rows(results: dict) -> list[tuple[str, str, str, str]]:
    name = results["lesson"]["page"]
    own, stock = results["pages"][name], results.get("stock_pages", {}).get(name)
    payloads = own["explorer_payload_bytes"]
    rows = [
        (
            "first paint",
            milliseconds(own["first_paint_ms"]),
            budget("≤ 400 ms", own["first_paint_ms"] <= 400),
            of_stock(stock, lambda it: milliseconds(it["first_paint_ms"])),
        ),
        (
            "first slider usable",
            milliseconds(own["usable_slider_ms"]),
            budget("≤ 800 ms", (own["usable_slider_ms"] or 1e9) <= 800),
            of_stock(stock, lambda it: milliseconds(it["usable_slider_ms"])),
        ),
        (
            "bytes on the wire",
            kilobytes(own["bytes_on_wire"]),
            budget("≤ 600 kB", own["bytes_on_wire"] <= 600_000),
            of_stock(
                stock,
                lambda it: f"{kilobytes(it['bytes_on_wire'])} and what the other origins send",
            ),
        ),
        (
            "requests to other origins",
            str(own["other_origin_requests"]),
            budget("0", own["other_origin_requests"] == 0),
            of_stock(
                stock,
                lambda it: f"{it['other_origin_requests']} ({', '.join(it['other_origins'])})",
            ),
        ),
        (
            "largest explorer payload, all of the page",
            f"{kilobytes(max(payloads))}, {kilobytes(sum(payloads))}",
            budget("≤ 60 kB, ≤ 200 kB", max(payloads) <= 60_000 and sum(payloads) <= 200_000),
            "",
        ),
    ]
    return rows


def build_rows(results: dict) -> list[tuple[str, str, str, str]]:
    own, stock = results["builds"], results.get("stock_builds")
    ratio = own["cold"] / stock["cold"] if stock else None
    changed = own["text_of_one_lesson_changed"]
    return [
        (
            "cold build, all lessons executed",
            f"{own['cold']:.0f} s",
            budget(f"≤ 0.6 × stock, is {ratio:.2f} ×", ratio <= 0.6) if ratio else "≤ 0.6 × stock",
            of_stock(stock, lambda it: f"{it['cold']:.0f} s"),
        ),
        ("nothing changed", f"{own['nothing_changed']:.1f} s", "seconds", "the same again"),
        (
            "text of one lesson changed",
            f"{changed:.1f} s",
            budget("≤ 10 s", changed <= 10),
            "the same again",
        ),
        (
            "code of one lesson changed (executed anew)",
            f"{own['code_of_one_lesson_changed']:.1f} s",
            "",
            "the same again",
        ),
    ]


def table(head: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(value) for value in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


# ruff: noqa: E501 (the report is prose)


def report(results: dict) -> str:
    there = results["machine"]
    loads = ", ".join(f"{name} {load}" for name, load in results["load_at_start"].items())
    head = ("what", "this book", "budget", "stock equivalent")
    sliders, pages_table = [], []
    for name, page in results["pages"].items():
        pages_table.append(
            (
                name,
                milliseconds(page["first_paint_ms"]),
                milliseconds(page["usable_slider_ms"]),
                kilobytes(page["bytes_on_wire"]),
                kilobytes(sum(page["explorer_payload_bytes"])),
                page["other_origin_requests"],
                page["page_errors"],
            )
        )
        for move in page["slider_to_paint"]:
            met = move["median_ms"] <= 12 and move["p95_ms"] <= 16
            sliders.append(
                (name, move["figure"], move["median_ms"], budget(str(move["p95_ms"]), met))
            )
    attention = [
        (
            name,
            row["package_ms"],
            row["naive_ms"],
            budget(f"{row['ratio']:.2f} ×", row["ratio"] <= 1.2),
            row["fused_ms"],
        )
        for name, row in results["attention"].items()
    ]
    made = results["generation"]
    generated = [
        (
            name,
            made[name]["package_ms_per_token"],
            made[name]["transformers_ms_per_token"],
            budget(f"{made[name]['ratio']:.2f} ×", made[name]["ratio"] <= 1.3),
        )
        for name in ("cached", "uncached")
    ]
    gain, loading = made["uncached / cached"], results["small_gpt_load_s"]
    return f"""# Benchmarks

Written by `make bench`; do not edit. {there["cpu"]}, {there["cores"]} cores, {there["system"]};
load average when the sections began: {loads}. ✓ and ✗ say whether a budget is met on this machine.

## The lesson with the most explorers

`{results["lesson"]["page"]}`, {results["lesson"]["explorers"]} figures. Cold visits in Chromium, a fresh profile each,
median of {pages.VISITS}, from a server on the same machine (gzip, no throttling), scrolled to the first explorer at once. The
stock equivalent is the same lesson with `ipywidgets.interact` and `figure.show()`, built by Jupyter Book as it comes. Requests
to other origins are counted and refused, so its bytes are a lower bound.

{table(head, page_rows(results))}

## All pages with figures

{table(("page", "first paint", "slider usable", "bytes", "payloads", "other origins", "errors"), pages_table)}

## From slider to paint

A key press moves the slider by one step, {pages.MOVES} times; milliseconds from the browser's input event until the frame with
the new figure is painted. Budget: median ≤ 12 ms, 95th percentile ≤ 16 ms.

{table(("page", "traces", "median", "95th percentile"), sliders)}

## Building

Stock: `execute_notebooks: force`, one notebook after the other, MathJax. Both on one thread a kernel. The stock build would now
and then wait minutes for a reply that nbclient missed, so there nbclient does not answer figures in Output widgets.

{table(head, build_rows(results))}

## Attention against four naive lines in torch, and its fused kernel

Milliseconds on one thread; the ratio to the naive lines is the median over {kernels.RUNS} paired runs. Budget: ≤ 1.2 ×.
The package and the naive lines return the weights; the fused kernel returns none.

{table(("shape", "package", "naive", "ratio", "fused"), attention)}

## Greedy generation against Hugging Face's GPT-2 of the same size and weights

Milliseconds a token on one thread, {gain["tokens"]} tokens, the same text from both. Budget: ≤ 1.3 ×. Without a cache the
package takes {gain["ratio"]} times as long as with one.

{table(("", "package", "transformers", "ratio"), generated)}

## Tokenizers against the `tokenizers` library

{table(("what", "package", "budget", "tokenizers"), tokenization.rows(results["tokenization"]))}

## Loading the small GPT

{loading:.2f} s, torch imported before; budget: under a second {"✓" if loading < 1 else "✗"}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", nargs="*", help=f"measure these alone: {', '.join(SECTIONS)}")
    chosen = parser.parse_args().section or list(SECTIONS)
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; allowed: {', '.join(SECTIONS)}")
    measured = measure(chosen)
    (HERE / "results.md").write_text(report(measured))
    print(f"Written: {HERE / 'results.md'}")

"""The map: areas as parameters, every part named and led to its lesson, errors that help."""

import itertools
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
import torch

from courseware import figures
from courseware.figures.map import LIT, PARTS, machine_html, with_links
from courseware.figures.map.parts import GROUPS, KINDS, POSITIONS
from courseware.figures.map.sizes import default, sizes
from transformer_math.models.small_gpt import small_gpt
from transformer_math.transformer import Transformer, TransformerConfig, parameter_count

GPT2 = dict(vocabulary=50257, width=768, heads=12, layers=12, hidden=3072, context=1024)
SMALL = dict(vocabulary=300, width=16, heads=4, layers=2, hidden=40, context=32)
CONFIGS = {
    "the small GPT": ("decoder", None),
    "GPT-2": ("decoder", TransformerConfig(**GPT2)),
    "untied, grouped heads": (
        "decoder",
        TransformerConfig(**SMALL, tied=False, kv_heads=2, activation="swiglu", norm="rms"),
    ),
    "with a T5 bias": ("decoder", TransformerConfig(**SMALL, positions="t5")),
    "2017": ("encoder-decoder", None),
    "a T5": (
        "encoder-decoder",
        TransformerConfig(**SMALL, kind="encoder-decoder", positions="t5", tied=False),
    ),
    "sentence encoder": ("encoder", None),
    "BERT": (
        "encoder",
        TransformerConfig(**SMALL, kind="encoder", head="transform", segments=2, norm_first=False),
    ),
    "ViT": ("vit", None),
}
DRAWINGS = list(itertools.product(CONFIGS, ("small", "large")))


def tree(html):
    """The first drawing of a map as an XML tree; its HTML is well-formed XML, too."""
    return ET.fromstring(html).find("svg")


def areas(svg, where):
    """Filled area by part, in the bar of all parameters or in the machine itself."""
    found = Counter()
    for group in svg.iter("g"):
        if "data-part" in group.attrib and (group.get("data-in") == "bar") == (where == "bar"):
            for brick in group.findall("rect[@class='f']"):
                area = float(brick.get("width")) * float(brick.get("height"))
                found[group.get("data-part")] += area
    return found


def counted(kind, config, experts=1):
    return sizes(config or default(kind)[0], kind, 1000, experts)


@pytest.mark.parametrize(("name", "size"), DRAWINGS)
def test_areas_are_in_proportion_to_parameters(name, size):
    kind, config = CONFIGS[name]
    svg = tree(machine_html(kind=kind, size=size, config=config))
    known = counted(kind, config)
    scale = sum(areas(svg, "bar").values()) / known.total()
    everything = {part: known.total(part) for part in PARTS if known.total(part)}
    assert areas(svg, "bar") == pytest.approx(
        {p: scale * n for p, n in everything.items()}, rel=0.01
    )
    drawn = Counter(known.once)
    for one in known.one.values():
        drawn.update(one)
    config = config or default(kind)[0]
    norm = config.width * (2 if config.norm == "layer" else 1)
    drawn["norm"] += norm * config.norm_first  # the final one; BERT's other two are not drawn
    seen = {part: scale * n for part, n in drawn.items() if n}
    assert areas(svg, "machine") == pytest.approx(seen, rel=0.01)


@pytest.mark.parametrize("name", CONFIGS)
def test_parts_add_up_to_the_parameters_of_the_model(name):
    kind, config = CONFIGS[name]
    config = config or default(kind)[0]
    extra = 2 * config.width + 1000 * (config.width + 1) if kind == "vit" else 0
    assert counted(kind, config).total() == parameter_count(config).total + extra


def test_the_vision_transformer_is_of_the_published_size():
    assert counted("vit", None).total() == 86_567_656


def test_the_small_gpt_is_the_one_that_ships():
    assert default("decoder")[0] == small_gpt().model.config


def test_the_parts_of_a_layer_are_those_of_the_model():
    config = TransformerConfig(**SMALL, kv_heads=2, activation="swiglu")
    with torch.device("meta"):
        layer = Transformer(config).decoder.blocks[0]
    one = counted("decoder", config).one["decoder"]
    count = {name: p.numel() for name, p in layer.named_parameters()}
    for part, letter in (("query", "q"), ("key", "k"), ("value", "v"), ("output", "o")):
        named = [n for name, n in count.items() if re.search(rf"attention\.[wb]_{letter}$", name)]
        assert one[part] == sum(named) > 0
    assert sum(one.values()) == sum(count.values())


def test_experts_are_so_many_networks_and_a_router():
    svg = tree(machine_html(lit=["experts"], experts=8))
    one, eight = counted("decoder", None).one["decoder"], counted("decoder", None, 8).one["decoder"]
    assert eight["experts"] == 8 * one["feed-forward"] and eight["router"] == 8 * 128
    assert len(svg.findall(".//g[@data-part='experts']/rect[@class='f']")) == 1 + 2 * 8


def test_parts_without_parameters_are_outlined_and_not_filled():
    svg = tree(machine_html())
    for part in ("scores", "weights", "cache", "sampling", "tokenizer", "loss", "positions"):
        group = svg.find(f".//g[@data-part='{part}']")
        assert group.findall("rect[@class='o']") and not group.findall("rect[@class='f']")


def test_a_tied_unembedding_is_a_dashed_outline_as_large_as_the_embedding():
    svg = tree(machine_html())
    ghost = svg.find(".//g[@data-part='unembedding']/rect[@class='g']")
    area = float(ghost.get("width")) * float(ghost.get("height"))
    assert area == pytest.approx(areas(svg, "machine")["embedding"], rel=0.01)
    assert "unembedding" not in areas(svg, "bar")
    untied = tree(machine_html(config=CONFIGS["untied, grouped heads"][1]))
    assert areas(untied, "machine")["unembedding"] > 0


def test_every_part_is_drawn_in_some_machine():
    machines = [dict(kind=kind) for kind in ("decoder", "encoder-decoder", "encoder", "vit")]
    drawn = "".join(machine_html(**options) for options in [*machines, dict(experts=4)])
    assert {part for part in PARTS if f'data-part="{part}"' in drawn} == set(PARTS)


@pytest.mark.parametrize("size", ["small", "large"])
def test_lit_parts_and_only_they_stand_out(size):
    svg = tree(machine_html(lit=["key", "scores"], size=size))
    lit = {g.get("data-part") for g in svg.iter("g") if g.get("class") == "lit"}
    assert lit == {"key", "scores"}
    assert svg.find(".//g[@data-in='bar'][@data-part='key']").get("class") == "lit"
    assert machine_html(lit="scores") == machine_html(lit=("scores",))
    assert machine_html(lit="attention") == machine_html(lit=GROUPS["attention"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(lit=["engine"]), "lit names 'engine'; allowed: tokenizer, embedding, positions"),
        (dict(lit=["cross"]), "lit names 'cross'; allowed"),
        (dict(lit="sampling", kind="vit"), "allowed: patches, embedding"),
        (dict(kind="rnn"), "kind is 'rnn'; allowed: 'decoder', 'encoder-decoder'"),
        (dict(size="huge"), "size is 'huge'; allowed: 'small', 'large'"),
        (dict(config={}), "config is a dict; allowed: a TransformerConfig"),
        (dict(kind="encoder", config=TransformerConfig(**SMALL)), "'decoder'; allowed for kind="),
        (dict(experts=0), "experts is 0"),
        (dict(kind="vit", classes=0), "classes is 0"),
    ],
)
def test_a_mistake_is_named(options, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        machine_html(**options)


def test_every_lesson_lights_something_that_is_drawn():
    plan = {1: 5, 2: 6, 3: 6, 4: 5, 5: 5, 6: 5, 7: 5, 8: 8, 9: 5, 10: 6}
    lessons = [f"{chapter}.{i}" for chapter, most in plan.items() for i in range(1, most + 1)]
    assert set(LIT) == {*map(str, plan), *lessons}
    for lesson, lit in LIT.items():
        kind, experts = KINDS.get(lesson, "decoder"), 8 if lesson == "8.6" else 1
        assert 'class="lit"' in machine_html(lit, kind, experts=experts), lesson
    assert {lesson for _, lesson in PARTS.values()} | set(POSITIONS.values()) <= set(lessons)


def test_links_lead_where_lessons_are_and_nowhere_else():
    where = {"4.2": "04-2.html", "4.1": "04-1.html"}
    svg = tree(with_links(machine_html(), where.get))
    links = {a.get("href"): a.get("aria-label") for a in svg.iter("a")}
    assert links == {
        "04-1.html": "Q K V, Query, key and value projections: lesson 4.1",
        "04-2.html": "Scores: lesson 4.2",
    }
    assert "lesson:" not in ET.tostring(svg, "unicode")
    assert svg.find(".//g[@data-part='cache']") is not None


def test_a_live_notebook_gets_links_beside_it_and_a_style_of_its_own(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr("courseware.figures.map.drawing.publish", shown.append)
    monkeypatch.setenv("COURSEWARE_FRONT_END", "live")
    monkeypatch.chdir(Path(__file__).parents[2] / "chapters" / "04-self-attention-mathematics")
    figures.machine(lit=("scores",))
    html = shown.pop()["text/html"]
    for address in re.findall(r'href="([^"]+)"', html):
        assert Path(address).is_file()
    assert html.startswith("<style>") and "--c-accent:" in html and "var(--c-accent)" in html
    monkeypatch.chdir(tmp_path)
    figures.machine()
    assert "href=" not in shown.pop()["text/html"]


@pytest.mark.parametrize(("size", "most"), [("small", 12_000), ("large", 25_000)])
@pytest.mark.parametrize("kind", ["decoder", "encoder-decoder", "encoder", "vit"])
def test_maps_are_small_and_the_same_every_time(kind, size, most):
    drawn = machine_html(lit="attention", kind=kind, size=size)
    stacks = 1.4 if kind == "encoder-decoder" else 1
    assert len(drawn.encode()) <= most * stacks
    assert drawn == machine_html(lit="attention", kind=kind, size=size)


def test_the_map_alone_needs_no_torch():
    import subprocess
    import sys

    source = "import sys, courseware.figures as f; f.machine(); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

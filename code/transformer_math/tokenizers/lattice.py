r"""All the ways to cut one word into pieces, at once.

The positions between a word's n characters are numbered 0 to n. A piece that spells the characters
from position s to position e is an edge from s to e, and a segmentation is a path from 0 to n. Its
probability is the product of its pieces'. Dynamic programming over positions finds the best path
(Viterbi), the sum over all paths (forward algorithm), and how often each edge is expected on the
path, in time proportional to the number of edges.

Sources: Viterbi (1967), https://doi.org/10.1109/TIT.1967.1054010; Rabiner (1989), the forward and
backward algorithms, https://doi.org/10.1109/5.18626; Kudo (2018), for pieces of words,
https://arxiv.org/abs/1804.10959
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

Edges = list[list[tuple[int, str]]]
"""For each position, the edges that end there, by start: where each starts, and its piece."""


@dataclass(frozen=True)
class LatticeNode:
    """A position in a word: the best way to reach it.

    ``end`` is the position, ``piece`` the last piece of the best path there, ``score`` that path's
    log-probability. ``candidates`` has, for every piece that ends here, the piece and the score of
    the best path that ends with it; the highest is the node's. At position 0 nothing is cut yet:
    score 0, no piece.
    """

    end: int
    piece: str | None
    score: float
    candidates: list[tuple[str, float]]


def edges_of(word: str, pieces: Collection[str], longest: int, unknown: bool = False) -> Edges:
    """The edges of a word: its stretches of at most ``longest`` characters that are pieces.

    With ``unknown``, a character that is no piece by itself becomes an edge too.
    """
    ending: Edges = [[] for _ in range(len(word) + 1)]
    for start in range(len(word)):
        for end in range(start + 1, min(start + longest, len(word)) + 1):
            piece = word[start:end]
            if piece in pieces or (unknown and end == start + 1):
                ending[end].append((start, piece))
    return ending


def viterbi(edges: Edges, scores: Mapping[str, float]) -> list[LatticeNode]:
    r"""The best path to each position; of equals, the one whose last piece is longest.

    .. math:: \delta_0 = 0, \qquad
              \delta_e = \max_{s} \bigl(\delta_s + \log p(w_{s \ldots e})\bigr)
    """
    nodes = [LatticeNode(0, None, 0.0, [])]
    for end, arriving in enumerate(edges[1:], start=1):
        candidates = [(piece, nodes[start].score + scores[piece]) for start, piece in arriving]
        piece, best = max(candidates, key=lambda c: c[1], default=(None, -math.inf))
        nodes.append(LatticeNode(end, piece, best, candidates))
    return nodes


def best_path(nodes: list[LatticeNode]) -> list[str]:
    """The pieces of the best path to the last node, which must be one that can be reached."""
    pieces, place = [], len(nodes) - 1
    while (piece := nodes[place].piece) is not None:
        pieces.append(piece)
        place -= len(piece)
    return pieces[::-1]


def forward(edges: Edges, scores: Mapping[str, float]) -> list[float]:
    r"""Log-probability of reaching each position, all paths together; the last is the word's.

    .. math:: \alpha_0 = 0, \qquad
              \alpha_e = \log \sum_{s} \exp\bigl(\alpha_s + \log p(w_{s \ldots e})\bigr)
    """
    alpha = [0.0]
    for arriving in edges[1:]:
        terms = [alpha[start] + scores[piece] for start, piece in arriving]
        top = max(terms, default=-math.inf)
        if top == -math.inf:
            alpha.append(top)
        else:
            alpha.append(top + math.log(sum(math.exp(term - top) for term in terms)))
    return alpha


def expected_pieces(edges: Edges, scores: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    r"""For each edge, its piece and the probability that it is on the path, given the word.

    Walking back from the end: if the path visits position e with probability :math:`\omega_e`, it
    came along the edge from s with probability

    .. math:: \gamma_{se} = \omega_e\, e^{\alpha_s + \log p(w_{s \ldots e}) - \alpha_e},
              \qquad \omega_n = 1, \quad \omega_s = \sum_e \gamma_{se}
    """
    alpha = forward(edges, scores)
    visited = [0.0] * len(edges)
    visited[-1] = 1.0
    for end in range(len(edges) - 1, 0, -1):
        if visited[end]:
            for start, piece in edges[end]:
                share = visited[end] * math.exp(alpha[start] + scores[piece] - alpha[end])
                visited[start] += share
                yield piece, share


def paths(edges: Edges, scores: Mapping[str, float]) -> Iterator[tuple[list[str], float]]:
    """Every segmentation with its log-probability: up to 2 to the power n - 1 of them."""

    def arriving(end: int) -> Iterator[tuple[list[str], float]]:
        if end == 0:
            yield [], 0.0
        for start, piece in edges[end]:
            for pieces, score in arriving(start):
                yield [*pieces, piece], score + scores[piece]

    yield from arriving(len(edges) - 1)

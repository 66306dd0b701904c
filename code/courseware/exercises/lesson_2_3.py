"""Exercises of lesson 2.3, activation functions."""

from courseware.exercises.registry import answer, exercise

answer(
    "2.3.1",
    (-3, -2, 0, -1),
    label="w, b, dw, and dw of the leaky ReLU",
    hints={
        (-7, -4, 0, -1): "The step is η times the gradient, and η is one half.",
        (5, 2, 0, -1): "The step goes against the gradient: subtract it.",
        (-3, -2, -10, -1): "The ReLU is closed: it hands on nothing of the blame.",
        (-3, -2, 0, -10): "The leaky unit hands on a tenth of the blame on its output.",
        (-3, -2, 0, 1): "It says −0.5 and should say 4.5: the miss is negative.",
        (-3, -2, 0, -0.5): "The square has the slope 2 times the miss.",
    },
)


def layers(rng):
    for slope in (0.0, 0.01, 0.1, 1.0):
        yield int(rng.integers(1, 1000)), slope
    yield 64, 0.0
    yield 1, float(rng.uniform(0, 1))
    yield 32, -0.5  # a slope may be negative: only its square counts
    yield 0, 0.1


@exercise("2.3.2", inputs=layers)
def start_spread(n_in, slope):
    """Standard deviation of the weights that keeps the power through a leaky ReLU."""
    if n_in < 1:
        raise ValueError(f"n_in is {n_in}; allowed: 1 or more")
    return (2 / ((1 + slope**2) * n_in)) ** 0.5


def networks(rng):
    yield from ((1, 1), (3, 50), (2, 10), (8, 100))
    for _ in range(4):
        yield int(rng.integers(1, 12)), int(rng.integers(1, 60))
    yield 0, 5
    yield 4, 0


@exercise("2.3.3", inputs=networks)
def stillborn(width, depth):
    """Probability that some layer of a random ReLU network answers 0 with all its units."""
    if width < 1 or depth < 1:
        raise ValueError(f"width is {width}, depth is {depth}; allowed: 1 or more")
    return 1 - (1 - 0.5**width) ** depth

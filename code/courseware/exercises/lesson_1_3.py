"""Exercises of lesson 1.3, probability and statistics."""

import math

import numpy as np

from courseware.exercises.registry import answer, exercise

answer(
    "1.3.1",
    1.25,
    tolerance=0.005,
    label="KL(p‖q)",
    unit="bits",
    hints={
        2.75: "That is the cross-entropy; subtract what one pays who knows the truth.",
        1.5: "That is the entropy of p; what does one pay who believes q?",
        1.75: "That is the entropy of q. The words come from p, so weight with p.",
        1.25 * math.log(2): "That is in nats. Take logarithms to base 2.",
        math.inf: "That is the other direction. Where p is 0, nothing is charged.",
        -1.25: "Turn the fraction in the logarithm round: p over q.",
    },
)


def belief_inputs(rng):
    for size in (2, 3, 10):
        yield rng.dirichlet(np.ones(size)), rng.uniform(size=size)
    yield np.array([0.01, 0.99]), np.array([0.9, 0.05])
    yield np.array([0.5, 0.5, 0.0]), np.array([0.0, 1e-40, 1.0])
    yield np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
    yield np.array([0.5, 0.5]), np.array([0.1, 0.2, 0.3])


@exercise("1.3.2", inputs=belief_inputs)
def posterior(prior, likelihood):
    """Bayes' theorem for several hypotheses: prior times likelihood over their sum."""
    if prior.shape != likelihood.shape:
        raise ValueError(
            f"prior has shape {prior.shape}, likelihood {likelihood.shape}; they must agree"
        )
    joint = prior * likelihood
    if joint.sum() == 0:
        raise ValueError("no model with a positive prior gives the text a positive probability")
    return joint / joint.sum()


def joint_inputs(rng):
    for shape in ((2, 2), (3, 5), (27, 27)):
        yield rng.dirichlet(np.ones(shape[0] * shape[1])).reshape(shape)
    yield np.outer([0.25, 0.75], [0.5, 0.3, 0.2])  # independent: 0 bits
    yield np.eye(4) / 4  # the next letter is certain: 2 bits
    yield np.array([[0.5, 0.25, 0.0], [0.0, 0.25, 0.0]])


@exercise("1.3.3", inputs=joint_inputs)
def information(joint):
    """Mutual information in bits: KL of the joint distribution from the product of its shares."""
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return (joint[seen] * np.log2(joint[seen] / product[seen])).sum()

"""What the tests of the package share."""

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import settings

settings.register_profile("course", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("course")
torch.set_num_threads(1)


@pytest.fixture
def draw():
    """Seeded normal tensors of float64: ``draw(2, 3)`` has shape (2, 3)."""
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture(params=["numpy", "torch"])
def array(request):
    """Make an array of each library from nested lists, NumPy arrays or tensors."""
    if request.param == "torch":
        return lambda values, dtype="float64": torch.as_tensor(values, dtype=getattr(torch, dtype))
    return lambda values, dtype="float64": np.asarray(values, dtype=dtype)


@pytest.fixture
def unchecked():
    """Let wrong shapes through to the package's own errors, which is what users meet."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)

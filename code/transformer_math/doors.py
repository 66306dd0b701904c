"""Names that a package hands on, each imported when it is first used."""

import sys
from collections.abc import Mapping
from importlib import import_module


def doors(package: str, homes: Mapping[str, str]):
    """The ``__getattr__`` and ``__dir__`` of ``package``; ``homes`` says where each name lives.

    A name whose home is the package's own submodule of that name is the submodule itself.
    """

    def __getattr__(name: str):
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(homes[name])
        value = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return __getattr__, __dir__

"""The live front end with nobody watching: published, every control moved once, nothing shown.

So a lesson that the tests run for its page has met its live readers' widgets too.
"""

from collections.abc import Callable, Sequence

import plotly.io as pio
from IPython import get_ipython

from courseware.explorers.controls import Control
from courseware.explorers.live import publish_live

LIVE_RENDERER = "plotly_mimetype"  # what JupyterLab and Colab draw


def rehearse(draw: Callable, controls: Sequence[Control], **words) -> None:
    """Publish ``draw`` live and move its controls.

    Raises:
        RuntimeError: a move asked ``draw`` for something else than the control says, or showed no
            figure. ``draw``'s own errors come as they are.
    """
    asked, failed, shown = [], [], []

    def watched(**values):
        asked.append(values)
        try:
            return draw(**values)
        except Exception as error:
            failed.append(error)  # the Output it is drawn in would show it and go on
            raise

    publisher = get_ipython().display_pub
    usual, pio.renderers.default = pio.renderers.default, LIVE_RENDERER
    publisher.register_hook(shown.append)  # what returns nothing lets nothing through
    try:
        inputs = publish_live(watched, controls, **words)
        for control in controls:
            shown.clear()
            _move(control, inputs[control.name], asked)
            if failed:
                raise failed[0]
            if not any(message["msg_type"] == "display_data" for message in shown):
                raise RuntimeError(f"moving {control.name!r} showed nothing")
    finally:
        publisher.unregister_hook(shown.append)
        pio.renderers.default = usual
    for widget in inputs.values():
        widget.close()


def _move(control: Control, widget, asked: list[dict]) -> None:
    position = (control.start + 1) % len(control.values)
    wanted = asked[-1] | {control.name: control.values[position]}
    widget.value = bool(control.values[position]) if control.kind == "checkbox" else position
    if not _same(asked[-1], wanted):
        raise RuntimeError(f"moving {control.name!r} asked draw() for {asked[-1]}, not {wanted}")


def _same(some: dict, others: dict) -> bool:
    # The very objects: options may be arrays, which do not compare to one truth value.
    return some.keys() == others.keys() and all(some[name] is others[name] for name in some)

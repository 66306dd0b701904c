"""The call that asks questions, in whichever front end draws."""

from collections.abc import Mapping
from typing import Any

from courseware.quizzes.questions import read


def quiz(*questions: Mapping[str, Any]) -> None:
    """Ask questions that answer every choice, right or wrong.

    Choices are shuffled, the same way every time. Several right ones make tick boxes.

    Args:
        questions: dicts with `question` (a text), `right` and `wrong` (choice → why it is so).
            Texts may hold `$…$`, `*emphasis*` and `` `code` ``.

    Raises:
        ValueError: a question lacks a right or a wrong choice or an explanation, has a choice
            twice or an unknown key; the message names the question.
    """
    from courseware.front_end import front_end, publish

    asked, wanted = read(questions), front_end()
    if wanted != "page":
        from courseware.quizzes.live import to_widgets

        view = {"version_major": 2, "version_minor": 0, "model_id": to_widgets(asked).model_id}
    if wanted == "live":
        publish({"application/vnd.jupyter.widget-view+json": view})
    else:
        from courseware.quizzes.page import to_page

        publish({"text/html": to_page(asked)})

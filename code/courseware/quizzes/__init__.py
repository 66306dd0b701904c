"""Questions that answer every choice; the same data goes to a learning management system.

Here ``quiz`` is the function, not the module it stands in.
"""

from courseware.quizzes.gift import export
from courseware.quizzes.questions import from_notebook
from courseware.quizzes.quiz import quiz

__all__ = ["export", "from_notebook", "quiz"]

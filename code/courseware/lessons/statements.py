"""What each statement of a lesson binds, changes and needs, read from its code without running it.

A name in place of an object is all there is to see, so the reading errs on the side of more: what
a call may have changed counts as changed. :mod:`courseware.lessons.slicing` builds on it.
"""

import ast
import builtins
import symtable
from dataclasses import dataclass, field

from courseware.lessons.reading import Lesson, cell_tags, tree

# A generator that torch keeps for itself, and that no name in the code stands for.
TORCH_RANDOM = "<torch's random numbers>"
TORCH_DRAWS = ("rand", "normal", "multinomial", "bernoulli")
COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
# Calls made for the reader: they show something and leave every name as it was.
SHOWN = ("explore", "show", "quiz", "check", "display")
# Methods that answer and change nothing.
ASKING = set(
    """all any argmax argmin argsort astype bool capitalize clip clone copy count cpu cumsum
    decode detach diagonal dim dot double encode endswith expand find flatten float format get
    half index int isin item items join keys long lower lstrip mT max mean min most_common nbytes
    ndim nonzero norm numel numpy outer permute prod ravel repeat replace reshape round rstrip size
    softmax sort split splitlines square squeeze startswith std strip sum swapaxes title tobytes
    tolist trace transpose tril triu type unsqueeze upper values var view zfill""".split()
)
CHANGING = {"shuffle", "fill_diagonal", "copyto", "put", "put_along_axis", "place", "putmask"}
GROUND = {"np", "numpy", "math", "torch", "plotly"}
STATEFUL = {"cache", "gen", "generator", "model", "net", "optimiser", "optimizer", "rng", "state"}


@dataclass
class Statement:
    """One top-level statement of a code cell.

    ``binds`` are the names it may bind and ``kills`` those it binds for certain; ``changes`` are
    bound elsewhere and changed in place; ``uses`` are read when it runs, ``later`` when a function
    it defines is called. ``carries``: names whose objects may live on in what it binds.
    """

    place: int
    node: ast.stmt
    tags: list[str]
    binds: set[str] = field(default_factory=set)
    kills: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    carries: set[str] = field(default_factory=set)

    @property
    def call(self) -> ast.Call | None:
        """The call, where the statement is nothing else."""
        value = self.node.value if isinstance(self.node, ast.Expr) else None
        return value if isinstance(value, ast.Call) else None

    @property
    def is_shown(self) -> bool:
        """Whether it only shows something to the reader."""
        return self.call is not None and last_name(self.call.func) in (*SHOWN, "machine")

    @property
    def is_setting(self) -> bool:
        """Whether it sets a library up, such as `torch.set_num_threads(1)`."""
        return (
            self.call is not None
            and isinstance(self.call.func, ast.Attribute)
            and self.call.func.attr.startswith("set_")
            and root_name(self.call.func) in GROUND
        )

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, (ast.Import, ast.ImportFrom))


def statements(lesson: Lesson) -> list[Statement]:
    """All top-level statements of a lesson in order; its set-up and its stubs left out."""
    found = []
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type == "code" and not {"setup", "exercise"} & set(cell_tags(cell)):
            for node in tree(cell.source).body:
                found.append(Statement(place, node, cell_tags(cell)))
    for statement in found:
        _read_names(statement)
    _read_changes(found)
    return found


def root_name(node: ast.AST) -> str | None:
    """The name at the bottom of `name.a[0].b().c`; None where there is none."""
    while not isinstance(node, ast.Name):
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
            node = node.value
        elif isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Attribute):
                return None
            node = node.func
        else:
            return None
    return node.id


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, `a` of `a`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _read_names(statement: Statement) -> None:
    table = symtable.symtable(ast.unparse(statement.node), "cell", "exec")
    for symbol in table.get_symbols():
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
            statement.binds.add(symbol.get_name())
        if symbol.is_referenced():
            statement.uses.add(symbol.get_name())
    for node in ast.walk(statement.node):
        if isinstance(node, ast.AugAssign):  # reads what it writes, which symtable does not say
            statement.uses |= {root_name(node.target)} & statement.binds
    for child in table.get_children():
        _read_scope(child, statement, True)
    statement.kills = _certain([statement.node])
    statement.carries = _carried(statement.node)


def _read_scope(table: symtable.SymbolTable, statement: Statement, now: bool) -> None:
    now = now and (table.get_type() == "class" or table.get_name() in COMPREHENSIONS)
    names = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    (statement.uses if now else statement.later).update(names)
    for child in table.get_children():
        _read_scope(child, statement, now)


def _certain(nodes: list[ast.stmt]) -> set[str]:
    """The names that these statements bind whatever happens."""
    found = set()
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(a.asname or a.name).split(".")[0] for a in node.names}
        elif isinstance(node, ast.Assign):
            found |= {name for target in node.targets for name in _targets(target)}
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            found |= set(_targets(node.target))
        elif isinstance(node, ast.With):
            targets = [item.optional_vars for item in node.items if item.optional_vars]
            found |= {name for target in targets for name in _targets(target)}
            found |= _certain(node.body)
        elif isinstance(node, ast.If):
            found |= _certain(node.body) & _certain(node.orelse)
    return found


def _targets(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Starred):
        return _targets(node.value)
    if isinstance(node, (ast.Tuple, ast.List)):
        return [name for item in node.elts for name in _targets(item)]
    return []  # an attribute or an entry: changed, not bound


def _carried(node: ast.AST) -> set[str]:
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    return {
        n.id
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and (id(n) not in called or n.id[:1].isupper())
    }


class _Effects(ast.NodeVisitor):
    """The names that running a piece of code changes in place; functions it defines are not run."""

    def __init__(self, lesson: "_Functions"):
        self.lesson, self.changed = lesson, set()

    def visit_FunctionDef(self, node):
        for outside in (*node.decorator_list, *node.args.defaults):
            self.visit(outside)

    def visit_Lambda(self, node):
        pass

    def visit_AugAssign(self, node):
        self.changed.add(root_name(node.target))
        self.generic_visit(node)

    def visit_Assign(self, node):
        self._stored(*node.targets)
        self.generic_visit(node)

    def visit_Delete(self, node):
        self._stored(*node.targets)

    def visit_Expr(self, node):
        call = node.value
        # A call whose value is thrown away was made for what it does to its arguments.
        if isinstance(call, ast.Call) and not self._harmless(call):
            self.changed |= set(map(root_name, _arguments(call)))
        self.generic_visit(node)

    def visit_Call(self, node):
        name, root = last_name(node.func), root_name(node.func)
        module = root in self.lesson.modules
        if isinstance(node.func, ast.Attribute) and not module and name not in ASKING:
            self.changed.add(root)
        if _draws(node) and module:
            self.changed.add(TORCH_RANDOM)
        if name == "backward":  # leaves gradients with all that its loss was computed from
            self.changed |= self.lesson.ancestors(root)
        self.changed |= self._changed_arguments(node, name, module)
        self.generic_visit(node)

    def _stored(self, *targets):
        for target in targets:
            for node in ast.walk(target):
                if isinstance(node, (ast.Attribute, ast.Subscript)):
                    self.changed.add(root_name(node))

    def _harmless(self, call):
        name = last_name(call.func)
        return name in SHOWN or name in ASKING or hasattr(builtins, name)

    def _changed_arguments(self, call, name, module) -> set:
        arguments = _arguments(call)
        if isinstance(call.func, ast.Name) and name in self.lesson.definitions:
            return self.lesson.changed_by(call)
        if name in CHANGING or name == "next" or (module and name.endswith("_")):
            return set(map(root_name, arguments))
        if module or name in SHOWN or name in ASKING or hasattr(builtins, name):
            return set()
        return {r for r in map(root_name, arguments) if r in self.lesson.stateful}


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _draws(call: ast.Call) -> bool:
    name = last_name(call.func)
    layer = isinstance(call.func, ast.Attribute) and root_name(call.func) == "nn"
    torch = root_name(call.func) == "torch" and name.startswith((*TORCH_DRAWS, "manual_seed"))
    return torch or (layer and name[:1].isupper())


class _Functions:
    """What the functions of a lesson change: their parameters, and names outside."""

    def __init__(self, found: list[Statement]):
        self.modules, self.definitions, self.stateful = set(), {}, set(STATEFUL)
        self.known: dict[str, tuple[list[str], set]] = {}
        self.sources: dict[str, set[str]] = {}
        for statement in found:
            node = statement.node
            for name in () if isinstance(node, ast.FunctionDef) else statement.binds:
                self.sources.setdefault(name, set()).update(statement.uses)
            if isinstance(node, ast.Import):
                self.modules |= statement.binds
            elif isinstance(node, ast.ImportFrom):
                # What one imports from a package in lower case may be a module: figures, nn.
                self.modules |= statement.binds & {"figures", "nn", "go", "F"}
            elif isinstance(node, ast.FunctionDef):
                self.definitions[node.name] = node
        for statement in found:
            for node in ast.walk(statement.node):
                if isinstance(node, ast.Assign) and not _plain(node.value, self.modules):
                    self.stateful |= {name for t in node.targets for name in _targets(t)}

    def ancestors(self, name: str | None) -> set[str]:
        """The names that this name's value was computed from, as far back as one can tell."""
        found, due = set(), {name}
        while due:
            found |= due
            due = {n for d in due for n in self.sources.get(d, ())} - found
        return found - self.modules

    def changed_by(self, call: ast.Call) -> set:
        """The names outside that this call of a lesson's function changes."""
        parameters, changed = self.effects(call.func.id)
        given = dict(zip(parameters, map(root_name, call.args), strict=False))
        given |= {k.arg: root_name(k.value) for k in call.keywords if k.arg}
        return {given.get(name, name if name not in parameters else None) for name in changed}

    def effects(self, name: str) -> tuple[list[str], set]:
        """Parameters of a function, and which of them and of the names outside it changes."""
        if name not in self.known:
            node = self.definitions[name]
            arguments = node.args
            parameters = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
            parameters += [a.arg for a in arguments.kwonlyargs]
            self.known[name] = parameters, set()  # a function that calls itself finds this
            effects = _Effects(self)
            for part in node.body:
                effects.visit(part)
            table = symtable.symtable(ast.unparse(node), "cell", "exec").get_children()
            functions = [t for t in table if t.get_name() == name]
            outside = {s.get_name() for t in functions for s in t.get_symbols() if s.is_global()}
            changed = effects.changed & (set(parameters) | outside | {TORCH_RANDOM})
            if _seeds(node):
                changed.discard(TORCH_RANDOM)
            self.known[name] = parameters, changed
        return self.known[name]


def _plain(value: ast.expr | None, modules: set[str]) -> bool:
    """Whether the value is evidently a number, a text, an array or a list of them."""
    if isinstance(value, (ast.Tuple, ast.List)):
        return all(_plain(item, modules) for item in value.elts)
    if isinstance(value, ast.Call):
        module = root_name(value.func) in modules and value.func
        name = last_name(value.func)
        method = isinstance(value.func, ast.Attribute) and name in ASKING
        return bool(module and name.islower() and "rng" not in name) or method
    kinds = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare, ast.JoinedStr, ast.Subscript)
    return isinstance(value, (*kinds, ast.ListComp, ast.DictComp, ast.Dict, ast.Set))


def _seeds(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Call) and last_name(n.func) == "manual_seed" for n in ast.walk(node)
    )


def _read_changes(found: list[Statement]) -> None:
    functions = _Functions(found)
    holds: dict[str, set[str]] = {}
    for statement in found:
        node = statement.node
        effects = _Effects(functions)
        effects.visit(node)
        statement.changes = {name for name in effects.changed if name} - statement.kills
        if _seeds(node) and statement.call is not None:
            statement.kills = statement.kills | {TORCH_RANDOM}
            statement.binds = statement.binds | {TORCH_RANDOM}
        elif TORCH_RANDOM in statement.changes:
            statement.uses.add(TORCH_RANDOM)
        value = getattr(node, "value", None)
        if isinstance(value, ast.Name) or _constructs(value):
            inside = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
            for name in statement.binds:
                holds.setdefault(name, set()).update(inside - functions.modules)
    for statement in found:
        # An optimiser holds its parameters: when it makes a step, they change.
        statement.changes |= {held for name in statement.changes for held in holds.get(name, ())}


def _constructs(value) -> bool:
    return isinstance(value, ast.Call) and last_name(value.func)[:1].isupper()

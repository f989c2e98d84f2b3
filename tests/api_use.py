"""Find out which names of a library some files use, with its typing stub as the map; read stubs and bindings' docs.

A small type inference over the syntax tree: constructors, annotations, attributes of self, return types. It need not
know everything: test_tensorrt_api.py asks that each name of the stub is found in use, so whatever it loses shows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Function:
    """A signature without `self`: (name, type, has a default) of each parameter, and the type of the result."""

    parameters: tuple[tuple[str, str, bool], ...]
    returns: str


@dataclass
class Api:
    """What a library offers. Keys are `function`, `Class.member` or `Class.Nested.member`."""

    classes: set[str] = field(default_factory=set)
    functions: dict[str, list[Function]] = field(default_factory=dict)  # with all overloads
    attributes: dict[str, tuple[str, bool]] = field(default_factory=dict)  # type, and whether it can be set
    members: set[str] = field(default_factory=set)  # of enums
    constants: set[str] = field(default_factory=set)

    def names(self) -> set[str]:
        """Return all names."""
        return self.classes | set(self.functions) | set(self.attributes) | self.members | self.constants


# --- stubs


def read_stub(path: Path) -> Api:
    """Return what a .pyi file says."""
    api = Api()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            _read_class(node, node.name, api)
        elif isinstance(node, ast.FunctionDef):
            api.functions[node.name] = [_signature(node, is_method=False)]
        elif isinstance(node, ast.AnnAssign):
            api.constants.add(ast.unparse(node.target))
    return api


def _read_class(node: ast.ClassDef, name: str, api: Api) -> None:
    api.classes.add(name)
    is_enum = any("Enum" in ast.unparse(base) for base in node.bases)
    for part in node.body:
        if isinstance(part, ast.ClassDef):
            _read_class(part, f"{name}.{part.name}", api)
        elif isinstance(part, ast.FunctionDef):
            api.functions[f"{name}.{part.name}"] = [_signature(part, is_method=True)]
        elif isinstance(part, ast.AnnAssign):
            api.attributes[f"{name}.{ast.unparse(part.target)}"] = (ast.unparse(part.annotation), True)
        elif isinstance(part, ast.Assign) and is_enum:
            api.members.update(f"{name}.{ast.unparse(target)}" for target in part.targets)


def _signature(node: ast.FunctionDef, *, is_method: bool) -> Function:
    arguments = node.args.args[1:] if is_method else node.args.args
    first_default = len(arguments) - len(node.args.defaults)
    parameters = tuple(
        (one.arg, ast.unparse(one.annotation) if one.annotation else "", index >= first_default)
        for index, one in enumerate(arguments)
    )
    return Function(parameters, ast.unparse(node.returns) if node.returns else "")


# --- docstrings of pybind11


def signatures_of(doc: str, name: str) -> list[Function]:
    """Return the overloads that a pybind11 docstring lists."""
    found = []
    for line in doc.splitlines():
        line = re.sub(r"^\d+\. ", "", line)
        if line.startswith(f"{name}(") and "*args" not in line:
            clean = re.sub(r"<[^>]*>", "None", line.replace("::", "."))
            try:
                (node,) = ast.parse(f"def {clean}: ...").body
            except SyntaxError:  # a few are no Python (a default before none); if they were ours, they would be missing
                continue
            assert isinstance(node, ast.FunctionDef)
            found.append(_signature(node, is_method=True))
    return found


def type_of_property(doc: str) -> str:
    """Return the type that a pybind11 property's getter gives."""
    return doc.partition("->")[2].strip().replace("::", ".")


# --- use


@dataclass
class Use:
    """Names that are used, where, and what is wrong already."""

    names: dict[str, list[ast.AST]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)  # attributes that are set
    overridden: dict[str, tuple[str, ...]] = field(default_factory=dict)  # methods that our classes define: parameters
    problems: list[str] = field(default_factory=list)


def find_use(trees: list[ast.Module], api: Api, module: str, own: dict[str, dict[str, str]] | None = None) -> Use:
    """Return what `trees` use of `module`, whose stub is `api`.

    `own` is our classes → attribute → type: filled where it is empty, taken as known where it is not.
    """
    use = Use()
    own = {} if own is None else own
    for _ in range(1 if own else 2):  # the second time, the attributes of all our classes are known
        use = Use()
        for tree in trees:
            _Finder(api, module, own, use).visit_module(tree)
    return use


class _Finder:
    """Walks one file. Types are `Class` (an instance), `type Class`, `def Class.method`, `module`, `own Class`."""

    def __init__(self, api: Api, module: str, own: dict[str, dict[str, str]], use: Use) -> None:
        self.api, self.module, self.own, self.use = api, module, own, use
        self.aliases: set[str] = set()
        self.scopes: list[dict[str, str]] = [{}]
        self.self_class = ""

    def visit_module(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == self.module:
                        self.aliases.add(alias.asname or alias.name)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                for alias in node.names:
                    if f"{node.module}.{alias.name}" == self.module:
                        self.aliases.add(alias.asname or alias.name)
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        for node in classes:
            self.own.setdefault(node.name, {})
        for statement in tree.body:
            self.statement(statement)

    def statement(self, node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.FunctionDef):
            self._function(node)
        elif isinstance(node, ast.Assign):
            value = self.infer(node.value)
            for target in node.targets:
                self._bind(target, value)
        elif isinstance(node, ast.AnnAssign):
            kind = self._annotation(node.annotation)
            value = self.infer(node.value) if node.value is not None else ""
            self._bind(node.target, kind or value)
        elif isinstance(node, ast.For):
            self._bind(node.target, _item(self.infer(node.iter)))
            self._all([*node.body, *node.orelse])
        elif isinstance(node, ast.With):
            for item in node.items:
                value = self.infer(item.context_expr)
                if item.optional_vars is not None:
                    self._bind(item.optional_vars, value)
            self._all(node.body)
        elif isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.infer(child)
                else:
                    self.statement(child)

    def _all(self, nodes: list[ast.stmt]) -> None:
        for node in nodes:
            self.statement(node)

    def _class(self, node: ast.ClassDef) -> None:
        bases = [self.infer(base).removeprefix("type ") for base in node.bases]
        base = next((name for name in bases if name in self.api.classes), "")
        before, self.self_class = self.self_class, node.name
        for part in node.body:
            if base and isinstance(part, ast.FunctionDef) and part.name != "__init__":
                name = f"{base}.{part.name}"
                if name in self.api.functions:
                    self._used(name, part)
                    self.use.overridden[name] = tuple(argument.arg for argument in part.args.args[1:])
                elif not part.name.startswith("_") and part.name != "error":
                    self.use.problems.append(f"{name} is overridden and not in the stub")
            self.statement(part)
        self.self_class = before

    def _function(self, node: ast.FunctionDef) -> None:
        scope = {"self": f"own {self.self_class}"} if self.self_class else {}
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            if argument.annotation is not None:
                scope[argument.arg] = self._annotation(argument.annotation)
        if node.returns is not None:
            self._annotation(node.returns)
        self.scopes.append(scope)
        self._all(node.body)
        self.scopes.pop()

    def _annotation(self, node: ast.expr) -> str:
        """Return the type that an annotation means: of the library, or one of our classes."""
        if isinstance(node, ast.BinOp):  # X | None
            return self._annotation(node.left) or self._annotation(node.right)
        if isinstance(node, ast.Name) and node.id in self.own:
            return f"own {node.id}"
        if isinstance(node, ast.Attribute):
            return self.infer(node).removeprefix("type ")
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._annotation(child)
        return ""

    def _bind(self, target: ast.expr, kind: str) -> None:
        if isinstance(target, ast.Name):
            self.scopes[-1][target.id] = kind
        elif isinstance(target, ast.Tuple | ast.List):
            kinds = _items(kind, len(target.elts))
            for element, one in zip(target.elts, kinds, strict=True):
                self._bind(element, one)
        elif isinstance(target, ast.Attribute):
            owner = self.infer(target.value)
            if owner.startswith("own "):
                known = self.own.setdefault(owner[4:], {})
                known[target.attr] = kind or known.get(target.attr, "")
            elif owner:
                self._member(owner, target, is_written=True)
        else:
            self.infer(target)

    def infer(self, node: ast.AST) -> str:
        """Return an expression's type, "" where it is none of ours or the library's; take note of what is used."""
        if isinstance(node, ast.Name):
            if node.id in self.aliases:
                return "module"
            for scope in reversed(self.scopes):
                if node.id in scope:
                    return scope[node.id]
            return f"type own {node.id}" if node.id in self.own else ""
        if isinstance(node, ast.Attribute):
            owner = self.infer(node.value)
            return self._member(owner, node) if owner else ""
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BoolOp):
            return next((kind for kind in [self.infer(value) for value in node.values] if kind), "")
        if isinstance(node, ast.NamedExpr):
            kind = self.infer(node.value)
            self._bind(node.target, kind)
            return kind
        if isinstance(node, ast.Subscript):
            owner = self.infer(node.value)
            self.infer(node.slice)
            if f"{owner}.__getitem__" in self.api.functions:
                self._used(f"{owner}.__getitem__", node)
                return ""
            return _item(owner)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            self.scopes.append({})
            for part in node.generators:
                self._bind(part.target, _item(self.infer(part.iter)))
                for condition in part.ifs:
                    self.infer(condition)
            parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            kinds = [self.infer(part) for part in parts]
            self.scopes.pop()
            return f"list[{kinds[0]}]" if len(kinds) == 1 and kinds[0] else ""
        if isinstance(node, ast.Tuple):
            return f"tuple[{', '.join([self.infer(element) for element in node.elts])}]"
        if isinstance(node, ast.Lambda):
            self.infer(node.body)
            return ""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr | ast.keyword | ast.FormattedValue):
                self.infer(child)
        return ""

    def _call(self, node: ast.Call) -> str:
        kinds = [self.infer(argument) for argument in node.args]
        for keyword in node.keywords:
            self.infer(keyword.value)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        for builtin, method in (("len", "__len__"), ("int", "__int__")):
            if name == builtin and kinds and f"{kinds[0]}.{method}" in self.api.functions:
                self._used(f"{kinds[0]}.{method}", node)
        kind = self.infer(node.func)
        if kind.startswith("type own "):
            return kind.removeprefix("type ")
        if kind.startswith("type "):
            made = kind.removeprefix("type ")
            if f"{made}.__init__" in self.api.functions:
                self._used(f"{made}.__init__", node)
                self._keywords(f"{made}.__init__", node)
            else:
                self.use.problems.append(f"{made} is made, and the stub has no __init__")
            return made
        if kind.startswith("def "):
            called = kind.removeprefix("def ")
            self._keywords(called, node)
            given = len(node.args) + len(node.keywords)
            wanted = [part for part in self.api.functions[called][0].parameters if not part[2]]
            if called.endswith(".__init__"):  # Base.__init__(self)
                given -= 1
            if given != len(wanted):
                self.use.problems.append(f"{called} is given {given} arguments, the stub wants {len(wanted)}")
            return self._plain(self.api.functions[called][0].returns)
        return ""

    def _keywords(self, name: str, node: ast.Call) -> None:
        known = {part[0] for part in self.api.functions[name][0].parameters}
        for keyword in node.keywords:
            if keyword.arg not in known:
                self.use.problems.append(f"{name} has no parameter {keyword.arg} in the stub")

    def _member(self, owner: str, node: ast.Attribute, *, is_written: bool = False) -> str:
        if owner.startswith("own "):
            return self.own.get(owner[4:], {}).get(node.attr, "")
        if owner.startswith(("def ", "list[", "tuple[", "type own ")):
            return ""
        if owner not in ("module", *self.api.classes, *(f"type {name}" for name in self.api.classes)):
            return ""
        prefix = "" if owner == "module" else owner.removeprefix("type ") + "."
        name = f"{prefix}{node.attr}"
        if name in self.api.classes:
            self._used(name, node)
            return f"type {name}"
        if name in self.api.functions:
            self._used(name, node)
            return f"def {name}"
        if name in self.api.members or name in self.api.constants:
            self._used(name, node)
            return prefix.rstrip(".")
        if name in self.api.attributes:
            self._used(name, node)
            if is_written:
                self.use.written.add(name)
            return self._plain(self.api.attributes[name][0])
        self.use.problems.append(f"line {node.lineno}: {name} is not in the stub")
        return ""

    def _used(self, name: str, node: ast.AST) -> None:
        self.use.names.setdefault(name, []).append(node)
        owner = name.rpartition(".")[0]
        if owner in self.api.classes:
            self.use.names.setdefault(owner, [])

    def _plain(self, annotation: str) -> str:
        """Return a stub's annotation as a type here."""
        plain = annotation.removesuffix(" | None")
        for name in set(re.findall(r"\w+", plain)) & self.api.classes:
            self.use.names.setdefault(name, [])  # used as a value that is passed on
        return plain if plain in self.api.classes or plain.startswith(("list[", "tuple[")) else ""


def _items(kind: str, count: int) -> Iterator[str]:
    """Yield the types of what a value is unpacked into."""
    if kind.startswith("tuple["):
        parts = [part.strip() for part in kind[6:-1].split(",")]
        yield from (parts + [""] * count)[:count]
    else:
        yield from [_item(kind)] * count


def _item(kind: str) -> str:
    return kind[5:-1] if kind.startswith("list[") else ""

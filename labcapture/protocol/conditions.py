"""Conditions such as ``outcome == 'taken' and penalty > 10``: read as an expression, never run as Python."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache

from labcapture.protocol.fill import Value

_HELP = "write comparisons with ==, !=, <, <=, >, >=, in, and, or, not: outcome == 'taken'"
_WORDS: dict[str, bool] = {"true": True, "false": False, "True": True, "False": False}
_ORDERS: dict[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_COMPARISONS: tuple[type[ast.cmpop], ...] = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, *_ORDERS)
_DEPTH = 50


class Condition:
    """What must hold for a step to be run.

    A variable without a value yet equals nothing, is in nothing, and counts as false. Text that reads as a number is
    compared as a number with a number.

    Parameters
    ----------
    text
        The condition, in the words of `docs/protocols.md`.
    aliases
        Other names by which ``variables`` have what the text names.

    Raises
    ------
    ValueError
        It is no condition.
    """

    def __init__(self, text: str, aliases: Mapping[str, str] | None = None) -> None:
        self.text = text
        self._aliases = dict(aliases or {})
        self._tree = _parse(text)
        self.names = frozenset(
            node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name) and node.id not in _WORDS
        )

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and (self.text, self._aliases) == (other.text, other._aliases)

    def __hash__(self) -> int:
        return hash(self.text)

    def holds(self, variables: Mapping[str, Value]) -> bool:
        """Tell whether it holds with these ``variables``."""
        return bool(self._value(self._tree, variables))

    def _value(  # noqa: PLR0911 - one for each kind of node
        self, node: ast.expr, variables: Mapping[str, Value]
    ) -> Value | tuple[Value | None, ...] | None:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self._value(value, variables) for value in values)
            case ast.BoolOp(values=values):
                return any(self._value(value, variables) for value in values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._value(operand, variables)
            case ast.UnaryOp(operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [self._value(side, variables) for side in (left, *comparators)]
                return all(_compare(op, a, b) for op, a, b in zip(ops, sides, sides[1:], strict=False))
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                found = [self._value(element, variables) for element in elements]
                return tuple(value for value in found if not isinstance(value, tuple))
            case ast.Name(id=name):
                return _WORDS[name] if name in _WORDS else variables.get(self._aliases.get(name, name))
            case ast.Constant(value=str() | bool() | int() | float() as value):
                return value
        raise AssertionError(node)  # `_check` lets nothing else pass


@lru_cache(maxsize=256)
def _parse(text: str) -> ast.expr:
    """Return the tree of a condition; the steps of a loop share theirs."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is no condition; {_HELP}") from None
    _check(tree, _DEPTH, text)
    return tree


def _check(node: ast.expr, depth: int, text: str) -> None:
    inner: list[ast.expr] = []
    match node:
        case ast.BoolOp(values=values):
            inner = values
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = [operand]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return
        case ast.Compare(left=left, ops=ops, comparators=comparators) if all(isinstance(o, _COMPARISONS) for o in ops):
            inner = [left, *comparators]
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            inner = elements
        case ast.Name():
            return
        case ast.Constant(value=str() | bool() | int() | float()):
            return
        case _:
            raise ValueError(f"{text!r} has a part that is no condition; {_HELP}")
    if depth == 0:
        raise ValueError(f"{text[:40]!r}... is nested too deep; {_HELP}")
    for part in inner:
        _check(part, depth - 1, text)


def _compare(op: ast.cmpop, left: object, right: object) -> bool:
    if isinstance(op, ast.In | ast.NotIn):
        if isinstance(right, tuple):
            found = any(_equal(left, value) for value in right)
        else:
            found = isinstance(left, str) and isinstance(right, str) and left in right
        return found == isinstance(op, ast.In)
    if isinstance(op, ast.Eq | ast.NotEq):
        return _equal(left, right) == isinstance(op, ast.Eq)
    left, right = _alike(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _ORDERS[type(op)](left, right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _ORDERS[type(op)](left, right)
    return False


def _equal(left: object, right: object) -> bool:
    if left is None or right is None:
        return False
    left, right = _alike(left, right)
    return left == right


def _alike(left: object, right: object) -> tuple[object, object]:
    """Make a number of the text that stands beside a number."""
    if isinstance(left, str) and isinstance(right, int | float):
        return _number(left), right
    if isinstance(left, int | float) and isinstance(right, str):
        return left, _number(right)
    return left, right


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text

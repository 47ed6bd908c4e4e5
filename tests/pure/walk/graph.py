"""Strongly connected sets of a directed graph: Tarjan's algorithm (1972), without recursion."""

from collections.abc import Iterator, Sequence


class _Tarjan:
    """`low`: the oldest node on the stack that a node can reach."""

    def __init__(self, onward: Sequence[Sequence[int]]) -> None:
        self.onward = onward
        self.index = [0] * len(onward)
        self.low = [0] * len(onward)
        self.on_stack = bytearray(len(onward))
        self.stack: list[int] = []
        self.work: list[tuple[int, Iterator[int]]] = []
        self.clock = 0

    def visit(self, node: int) -> None:
        self.clock += 1
        self.index[node] = self.low[node] = self.clock
        self.stack.append(node)
        self.on_stack[node] = 1
        self.work.append((node, iter(self.onward[node])))

    def goes_deeper(self, here: int, rest: Iterator[int]) -> bool:
        for there in rest:
            if not self.index[there]:
                self.visit(there)
                return True
            if self.on_stack[there]:
                self.low[here] = min(self.low[here], self.index[there])
        return False

    def leave(self, here: int) -> list[int]:
        self.work.pop()
        if self.work:
            above = self.work[-1][0]
            self.low[above] = min(self.low[above], self.low[here])
        circle: list[int] = []
        if self.low[here] == self.index[here]:
            while not circle or circle[-1] != here:
                circle.append(self.stack.pop())
                self.on_stack[circle[-1]] = 0
        return circle


def circles(onward: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Each set of two or more nodes that can all reach each other."""
    search = _Tarjan(onward)
    for root in range(len(onward)):
        if not search.index[root]:
            search.visit(root)
        while search.work:
            here, rest = search.work[-1]
            if not search.goes_deeper(here, rest):
                circle = search.leave(here)
                if len(circle) > 1:
                    yield circle

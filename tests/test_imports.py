"""The engine's modules need one another in one direction."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import grimp
import pytest


def test_no_two_modules_need_each_other() -> None:
    """Imports for type checkers alone count: who reads one module has to read the other."""
    graph = grimp.build_graph("hdf", exclude_type_checking_imports=False, cache_dir=None)
    needs = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    needs["hdf"] = set()  # its public names are imported when they are first used
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))

"""The extension points of hdf, one row each: what plugins may add, and what there is to each.

A new kind is a row here, its hooks in `hdf.hookspecs`, its Protocol in `hdf.types`, and the package
that uses it. Nothing is imported by naming it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that plugins may add.

    Attributes:
        name: in the singular, as messages say it.
        hooks: what a plugin implements; the components' kinds have one, which registers them.
        protocol: what it is or is given, a name in `hdf.types`.
        page: where ``docs`` describes it.
        path: where recipes name a component; one key holds a list of them. Empty for what recipes
            do not name.
        supplied: the parameters that the engine gives to a component whose signature asks for them.
        check: its contract check, a name in `hdf.testing`; empty for none.
    """

    name: str
    hooks: tuple[str, ...]
    protocol: str
    page: str
    path: tuple[str, ...] = ()
    supplied: frozenset[str] = frozenset()
    check: str = ""


def _component(name: str, protocol: str, path: tuple[str, ...], *supplied: str) -> Kind:
    return Kind(
        name,
        (f"hdf_{name}s",),
        protocol,
        f"plugins.md#{name}",
        path,
        frozenset({"labels", "image_size", *supplied}),
        f"check_{name}",
    )


RUN_EVENTS = Kind(
    "tracker",
    ("hdf_run_started", "hdf_epoch_finished", "hdf_run_finished"),
    "RunFacts",
    "plugins.md#run-events-a-tracker",
)
COMPONENTS = (
    _component("loader", "Loader", ("data", "loader")),
    _component("augmentation", "Augmentation", ("augment",)),
    _component("backbone", "Backbone", ("model", "backbone"), "in_channels"),
    _component("head", "Head", ("model", "head"), "channels", "strides"),
    _component("visualizer", "Visualizer", ("visualize",)),
)
EXTENSION_POINTS = (*COMPONENTS, RUN_EVENTS)
KINDS = {kind.name: kind for kind in COMPONENTS}
"""The kinds of components, by name."""

"""The JSON Schema of recipes, by which editors complete and check them.

It describes a recipe's file, not the whole that ``extends``, defaults and the command line make of
it: what another layer may supply is asked for by ``hdf check`` alone (docs/decisions/0028).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from hdf import __version__
from hdf.errors import UserError
from hdf.recipe import schema, splits
from hdf.recipe.schema import Recipe
from hdf.registry.kinds import COMPONENTS
from hdf.registry.options import Options, UnusableSignatureError, description, meanings
from hdf.registry.registry import Component, Registry

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "hdf recipe"
JSON = dict[str, Any]


def recipe_schema(registry: Registry) -> tuple[JSON, list[str]]:
    """The schema of recipes with all installed components, and what is left out, with reasons."""
    forms = _forms()
    root = forms.pop("Recipe")
    root["properties"]["extends"] = {
        "type": "string",
        "description": "another recipe's file, or the name of a packaged one, which this changes",
    }
    for key in ("optimizer", "schedule"):  # whose `use` names one of the schema's own forms
        named = forms["Train"]["properties"][key]["discriminator"]["mapping"]
        uses = {use: reference.removeprefix("#/$defs/") for use, reference in named.items()}
        told = {use: forms[name]["description"] for use, name in uses.items()}
        forms[key] = _choice(uses, told, {})
        _refer(forms["Train"], key, key)
    forms["Data"]["properties"]["labels"]["uniqueItems"] = True
    forms["Data"]["properties"]["split"] |= {
        "anyOf": [_reference(form.__name__) for form in get_args(splits.AnySplit)]
    }
    del forms["Data"]["properties"]["split"]["oneOf"]
    left_out = [f"plugin {item.name}: {item.error}" for item in registry.plugins if item.error]
    for kind in COMPONENTS:
        forms |= _components(kind.name, registry, left_out)
        section, *keys = kind.path
        for key in keys:
            _refer(forms[section.title()], key, kind.name)
        if not keys:
            root["properties"][section]["items"] = {**_reference(kind.name), "required": ["use"]}
    about = {"$schema": DRAFT, "title": TITLE, "$comment": f"written by hdf schema {__version__}"}
    return {**about, **root, "$defs": forms}, left_out


def _forms() -> dict[str, JSON]:
    """The schema's own models, nothing required, with what their documentation says."""
    found: JSON = Recipe.model_json_schema()
    forms: dict[str, JSON] = {**found.pop("$defs"), "Recipe": found}
    del forms["Use"]
    models = {**vars(splits), **vars(schema)}
    for name, form in forms.items():
        form.pop("required", None)
        form.pop("title")
        _describe(form, description(models[name]), meanings(models[name], "Attributes"))
    return forms


def _describe(form: JSON, text: str, known: Mapping[str, str]) -> None:
    """Let a form and its keys say what the documentation says."""
    form["description"] = _plain(text)
    for key, value in form["properties"].items():
        value.pop("title", None)
        if key in known:
            value["description"] = _plain(known[key])


def _components(kind: str, registry: Registry, left_out: list[str]) -> dict[str, JSON]:
    """A definition for each component of a kind, and one that chooses by ``use``."""
    forms: dict[str, JSON] = {}
    required: dict[str, list[str]] = {}
    summaries: dict[str, str] = {}
    for component in registry.of_kind(kind):
        try:
            options = Options(registry.find(kind, component.name).load(), kind)
        except (UserError, UnusableSignatureError) as error:
            left_out.append(f"{component.title}: {error}")
            continue
        found = options.json_schema(f"{kind}.{component.name}.")
        forms |= found.pop("$defs")
        required[component.name] = found.pop("required")
        summaries[component.name] = component.summary
        forms[f"{kind}.{component.name}"] = _component(component, options, found["properties"])
    names = {name: f"{kind}.{name}" for name in summaries}
    forms[kind] = _choice(names, summaries, required)
    return forms


def _component(component: Component, options: Options, properties: JSON) -> JSON:
    target, loader = component.load(), _reference("loader")
    for name, nesting in options.nested.items():
        named = {"type": "object", "additionalProperties": loader}
        properties[name] |= loader if nesting == "one" else named
    form: JSON = {"type": "object", "properties": properties, "additionalProperties": False}
    _describe(form, description(target) or component.summary, meanings(target))
    use = {"const": component.name, "description": component.summary}
    return {**form, "properties": {"use": use, **properties}}


def _choice(
    forms: Mapping[str, str], summaries: Mapping[str, str], required: Mapping[str, list[str]]
) -> JSON:
    """A mapping whose ``use`` decides which of `forms` it is, and what is `required` beside it."""
    chosen = [
        {
            "if": {"properties": {"use": {"const": use}}, "required": ["use"]},
            "then": {**_reference(form), "required": required.get(use, [])},
        }
        for use, form in forms.items()
    ]
    # Without `use`, the file changes options of what another layer names.
    kept = {
        "if": {"not": {"required": ["use"]}},
        "then": {"anyOf": [_reference(form) for form in forms.values()]},
    }
    use = {"enum": list(forms), "enumDescriptions": [summaries[name] for name in forms]}
    return {"type": "object", "properties": {"use": use}, "allOf": [*chosen, kept]}


def _refer(form: JSON, key: str, name: str) -> None:
    """Let a key's values be of a definition, with the description that it has."""
    told = form["properties"][key].get("description")
    form["properties"][key] = {**_reference(name), **({"description": told} if told else {})}


def _reference(name: str) -> JSON:
    return {"$ref": f"#/$defs/{name}"}


def _plain(text: str) -> str:
    return text.replace("``", "`")

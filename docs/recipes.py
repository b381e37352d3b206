"""The page that lists every training recipe, from its files."""

import yaml

from striate import zoo
from striate.train.recipes import Measured, TrainingRecipe, all_recipes

__all__ = ["recipes_page"]

PAGE = """# The recipes

<!-- Made by `make docs` from striate.train.recipes; do not edit. -->

How each network of the zoo that tells classes of images apart is trained: as its paper has it, as far as that tells, or
as we do. `striate zoo TEXT --recipes` lists them in a terminal.

```sh
striate train resnet20 --data idx:fashion-mnist/ --recipe fashion-mnist
striate train resnet20 --data idx:fashion-mnist/ --recipe fashion-mnist --epochs 5 optimizer.lr=0.1
```

```python
st.fit("resnet20", "idx:fashion-mnist/", recipe="fashion-mnist", epochs=5)
```

A recipe lies below everything else that is said: each option of a `--config` file, an override or a flag replaces that
option of it alone. Where a recipe has an input, a network that is named gets it in the place of its own, unless
`--input CxHxW` says another. The run keeps the name of the recipe, and all options as they were resolved.

*As published in* means that optimizer, rates, batch and epochs are all told there; *after*, that some are not, or are
other ones. With `decay_all` every weight decays, as was usual; without it norms and biases are spared. No figure stands
here that was not measured with these files.

## Measured

{measured}
"""

HEADS = (
    "| network | recipe | data | accuracy | seeds | seconds each | precision | machine |",
    "|---|---|---|---:|---|---:|---|---|",
)


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as such, and what holds one below it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _mapping(dumper: yaml.SafeDumper, mapping: dict) -> yaml.MappingNode:
    long = any(isinstance(value, str) and "\n" in value for value in mapping.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", mapping, flow_style=False if long else None)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _mapping)


def recipes_page() -> str:
    """Return the page: what was measured, and every recipe, oldest network first."""
    order = sorted(zoo.NETWORKS, key=lambda name: (zoo.NETWORKS[name].paper.year, name))
    recipes = sorted(all_recipes(), key=lambda recipe: min(map(order.index, recipe.networks)))
    rows = [_row(recipe, measured) for recipe in recipes for measured in recipe.measured]
    parts = [PAGE.format(measured="\n".join([*HEADS, *rows]))]
    for recipe in recipes:
        parts += _section(recipe)
    return "\n".join(parts)


def _row(recipe: TrainingRecipe, measured: Measured) -> str:
    each = ", ".join(f"{accuracy:.2%}" for accuracy in measured.accuracy)
    seeds = ", ".join(map(str, measured.seeds))
    seconds = f"{sum(measured.seconds) / len(measured.seconds):,.0f}"
    name = f"[{recipe.name}](#{_anchor(recipe)})"
    cells = [f"`{measured.network}`", name, f"{measured.split} of {measured.data}", each, seeds, seconds]
    return f"| {' | '.join([*cells, measured.precision, measured.machine])} |"


def _section(recipe: TrainingRecipe) -> list[str]:
    names = ", ".join(recipe.networks)
    source = f"{recipe.source[0].upper()}{recipe.source[1:]}."
    options = yaml.dump(
        recipe.training,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=110,
    )
    shape = [] if recipe.input is None else [f"The input is {'×'.join(map(str, recipe.input))}.", ""]
    told = [f"Not measured: {recipe.unmeasured}.", ""] if not recipe.measured else []
    if recipe.measured and recipe.unmeasured:
        measured = {m.network for m in recipe.measured}
        others = ", ".join(f"`{name}`" for name in recipe.networks if name not in measured)
        told = [f"Of {others} not measured: {recipe.unmeasured}.", ""]
    commands = [m.command for m in recipe.measured]
    ran = ["```sh", *commands, "```", ""] if commands else []
    return [
        f"## {recipe.name}: {names} {{ #{_anchor(recipe)} }}",
        "",
        f"For {recipe.data}. {source}{f' {recipe.notes}' if recipe.notes else ''}",
        "",
        *shape,
        "```yaml",
        options.rstrip(),
        "```",
        "",
        *ran,
        *told,
    ]


def _anchor(recipe: TrainingRecipe) -> str:
    return f"{recipe.networks[0]}-{recipe.name}"

"""``hdf calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import complete_model


@click.command()
@click.argument("model", shell_complete=complete_model)
@click.argument("crossval", type=click.Path(path_type=Path), metavar="CROSSVAL_FOLDER")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a new model file, and leave MODEL as it is.",
)
def calibrate(model: str, crossval: Path, out: Path | None) -> None:
    """Tell a model how far its spreads can be trusted.

    MODEL is a model file or a run's folder. CROSSVAL_FOLDER holds a finished hdf crossval of the
    same recipe, whose out-of-fold errors were measured. The model file is rewritten in place,
    whole or not at all.
    """
    from hdf.errors import user_error
    from hdf.models.weights import find_models, shipped_models
    from hdf.training.crossval.calibrate import calibrate_model

    paths = find_models(model)
    if len(paths) > 1:
        raise user_error("holds several models; name one of their files", model)
    if out is None and model in shipped_models():
        raise user_error("is a shipped model; write a new file with --out", model)
    if out is not None and out.exists():
        raise user_error("is there already; give another path", str(out))
    target = out or paths[0]
    for difference in calibrate_model(paths[0], crossval, target):
        click.echo(f"warning: another {difference}; its errors may differ as well", err=True)
    click.echo(f"{target}: calibrated by {crossval}")

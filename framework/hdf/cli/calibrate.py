"""``hdf calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from hdf.cli.arguments import PATH, complete_model


@click.command()
@click.argument("model", shell_complete=complete_model)
@click.argument("crossval", type=PATH, metavar="CROSSVAL_FOLDER")
@click.option(
    "--out", type=PATH, metavar="FILE", help="Write a new model file, and leave MODEL unchanged."
)
def calibrate(model: str, crossval: Path, out: Path | None) -> None:
    """Add the calibration of a cross-validation to a model.

    MODEL is a model file or the folder of a run. CROSSVAL_FOLDER is that of a finished hdf crossval
    of the same recipe, which has measured the out-of-fold errors. The model file is rewritten
    atomically.
    """
    from hdf.errors import user_error
    from hdf.files.atomic import refuse_unwritable
    from hdf.models.weights import find_models, shipped_models
    from hdf.training.crossval.calibrate import calibrate_model

    paths = find_models(model)
    if len(paths) > 1:
        raise user_error("contains several models; name one of their files", model)
    if out is None and model in shipped_models():
        raise user_error("is a shipped model; write a new file with --out", model)
    if out is not None and out.exists():
        raise user_error("exists; give another path", str(out))
    target = out or paths[0]
    refuse_unwritable(target)
    for difference in calibrate_model(paths[0], crossval, target):
        click.echo(f"warning: another {difference}; its errors may differ as well", err=True)
    click.echo(f"{target}: calibrated by {crossval}")

"""``hdf review``."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import click

from hdf.cli.arguments import PATH, plugins_dir_option
from hdf.cli.screen import reporter
from hdf.console import NOTICE

EXTRA = "pip install 'heart-detection-framework[review]'"
PORT = 8017
LOOPBACK = "127.0.0.1"


@click.command()
@click.argument("model")
@click.argument("images", type=PATH)
@click.option(
    "--out",
    type=PATH,
    metavar="FILE.csv",
    help="The table of accepted boxes; by default IMAGES-corrections.csv beside the folder.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    help=f"By default {PORT}; 0 for any free port.",
)
@click.option(
    "--host", default=LOOPBACK, help="Where to listen; by default this machine only (127.0.0.1)."
)
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
@plugins_dir_option
def review(
    model: str,
    images: Path,
    out: Path | None,
    port: int,
    host: str,
    no_browser: bool,
    plugins_dir: Path | None,
) -> None:
    """Correct a model's boxes by eye, the most doubtful first.

    MODEL is a shipped model, the folder of a run or a model file; IMAGES is a folder. From a model
    without doubt, the widest intervals come first. Boxes can be dragged; images are accepted or
    flagged. The accepted boxes become a table for training. Ctrl-C ends the review; the same
    command continues it.

    For research only: hdf is not a medical device.
    """
    from hdf.errors import user_error

    if out is not None and out.suffix.lower() != ".csv":
        raise click.BadParameter(f"{str(out)!r} does not end with .csv", param_hint="'--out'")
    try:
        from hdf.tools.review.app import Pictures, make_app, predicting
        from hdf.tools.review.serve import address_of, is_loopback, make_server, open_socket, show
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn"):
            raise
        raise user_error(f"{package} is not installed: {EXTRA}") from error
    from hdf.files.pseudonyms import secret_of
    from hdf.inference.load import load_predictor
    from hdf.tools.review.desk import Desk
    from hdf.tools.review.table import images_to_review, refuse_tables

    folder = images.resolve()
    table = out or folder.with_name(f"{folder.name}-corrections.csv")
    report = reporter()
    films = images_to_review(images, report.say)
    refuse_tables(table)
    with ExitStack() as stack:
        listening = stack.enter_context(open_socket(host, port))
        predictor = load_predictor(model, plugins_dir=plugins_dir)
        desk = Desk(films, predictor.labels, table)
        stack.callback(desk.close)
        pictures = Pictures()
        token = secret_of(f"review {table.absolute()}")
        server = make_server(make_app(desk, pictures), host, token)
        address = address_of(host, listening, token)
        if not is_loopback(host):
            report.say(f"warning: anyone who reaches {host} and has the address sees the images")
        click.echo(address)
        count = stack.enter_context(report.counting("predicting"))
        stack.enter_context(predicting(predictor, desk, pictures, count))
        if not no_browser:
            stack.callback(show(address))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    accepted, flagged = desk.counts()
    counts = f"{accepted} accepted, {flagged} flagged of {len(films)} images"
    report.say(f"{table}: {counts}", NOTICE)

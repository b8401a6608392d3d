"""The command line `pawl`: commands only; what they do stands in modules of their own."""

from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from pawl.api.meta import API_VERSION
from pawl_cli.lint import lint_file, render

app = typer.Typer(name="pawl", help="Models that learn from use, rolled out on evidence.", no_args_is_help=True)


@app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(help="YAML files, each with one or more objects.", metavar="FILE...")],
) -> None:
    """Check manifests as the API server would, and say what to do about each problem; exit status 1 if there is one."""
    checked, wrong = 0, 0
    for file in files:
        for title, problems in lint_file(file):
            checked, wrong = checked + 1, wrong + bool(problems)
            for problem in problems:
                typer.echo(render(title, problem))
    typer.echo(f"{checked} checked, {wrong} wrong")
    raise typer.Exit(1 if wrong else 0)


@app.command()
def version() -> None:
    """Print the version of the command line and of the API."""
    typer.echo(f"pawl {installed_version('pawl-platform-cli')}, API {API_VERSION}")

"""The command line `pawl`: commands only; what they do stands in modules of their own."""

from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from pawl.api.meta import API_VERSION
from pawl.api.problems import Problem
from pawl.errors import InvalidSpec, PawlError
from pawl_cli import adopt as adoption
from pawl_cli import kubectl
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
def adopt(
    target: Annotated[str, typer.Argument(help="The route in front of what runs.", metavar="httproute/NAME")],
    component: Annotated[str, typer.Option(help="The Component that is served.")],
    rule: Annotated[str, typer.Option(help="The rule of the route; not needed where it has one.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Default: that of kubectl's context.")] = "",
    name: Annotated[str, typer.Option(help="Name of the Rollout; default: that of the component.")] = "",
    candidate_service: Annotated[str, typer.Option(help="Service of candidates; default: SERVICE-candidate.")] = "",
) -> None:
    """Print the Rollout that adopts what runs behind a route, without moving traffic; review it, then apply it."""
    try:
        wish = adoption.Wish(component, rule, name, candidate_service)
        typer.echo(_adopt(_route_name(target), namespace, wish), nl=False)
    except PawlError as error:
        value = "" if error.value is None else str(error.value)
        typer.echo(render(target, Problem(error.field, value, error.message, error.remedy)), err=True)
        raise typer.Exit(1) from error


def _route_name(target: str) -> str:
    kind, _, name = target.partition("/")
    if kind.partition(".")[0] not in ("httproute", "httproutes") or not name:
        raise InvalidSpec("is not an HTTPRoute", field="target", value=target, remedy="write httproute/NAME")
    return name


def _adopt(route_name: str, namespace: str, wish: adoption.Wish) -> str:
    route = kubectl.get("httproutes.gateway.networking.k8s.io", route_name, namespace)
    live = adoption.live_backend(route, wish.rule)
    service = kubectl.get("services", live.service, live.namespace)
    rollout = adoption.rollout_for(live, service, wish)
    deployments = kubectl.get("deployments.apps", namespace=live.namespace)["items"]
    return adoption.render(rollout, live, service, deployments)


@app.command()
def version() -> None:
    """Print the version of the command line and of the API."""
    typer.echo(f"pawl {installed_version('pawl-platform-cli')}, API {API_VERSION}")

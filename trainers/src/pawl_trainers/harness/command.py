"""The command `run`: one attempt of a training run, told to the operator by lines on standard output."""

import sys
import traceback
from collections.abc import Mapping

from pawl.errors import PawlError
from pawl_trainers.harness.environment import surroundings
from pawl_trainers.harness.report import EXIT_CODES, Report, Say
from pawl_trainers.harness.run import Attempt
from pawl_trainers.trainer import TrainingError


def run(environ: Mapping[str, str], say: Say) -> int:
    """Run the attempt that `environ` describes; return the process's exit code after exactly one line of report."""
    report = _attempted(environ, say)
    say(report.line())
    return EXIT_CODES[report.outcome]


def _attempted(environ: Mapping[str, str], say: Say) -> Report:
    try:
        with surroundings(environ) as (plan, around):
            return Attempt(plan, around, say).report()
    except (TrainingError, PawlError) as error:
        return Report("Failed", str(error))
    except Exception as error:  # noqa: BLE001  the operator must hear of any end; the log has its place in the code
        traceback.print_exc(file=sys.stderr)
        return Report("Failed", f"{type(error).__name__}: {error}")

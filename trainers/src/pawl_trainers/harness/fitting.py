"""Lets the trainer learn: in this process, or on a Ray worker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pawl_trainers.harness.plan import Plan
from pawl_trainers.harness.split import Parts
from pawl_trainers.registry import trainer_named
from pawl_trainers.trainer import Example, Report, TrainingJob


@dataclass(frozen=True, slots=True)
class Assignment:
    """A training job without what belongs to one machine; it can be sent to another one."""

    trainer: str
    train: Sequence[Example]
    validation: Sequence[Example]
    base_model: str | None
    parameters: Mapping[str, str]
    seed: int
    distributed: bool

    def fit(self, workspace: Path, report: Report) -> Path:
        """Learn here; return the model's directory, which is in `workspace`. Raises TrainingError."""
        job = TrainingJob(
            train=self.train,
            validation=self.validation,
            base_model=self.base_model,
            parameters=self.parameters,
            seed=self.seed,
            workspace=workspace,
            distributed=self.distributed,
            report=report,
        )
        return trainer_named(self.trainer).fit(job)


def fitted(plan: Plan, parts: Parts, workspace: Path, report: Report) -> Path:
    """Return the directory of the model that the plan's trainer learns from `parts`; raises TrainingError."""
    assignment = Assignment(
        trainer=plan.trainer,
        train=parts.train,
        validation=parts.validation,
        base_model=plan.base_model,
        parameters=plan.parameters,
        seed=plan.seed,
        distributed=plan.distributed,
    )
    if not plan.distributed:
        return assignment.fit(workspace, report)
    # Here, so that only a distributed run needs Ray in its image.
    from pawl_trainers.harness.ray_worker import fit_on_worker

    return fit_on_worker(assignment, workspace, report)

"""The demo: real conversations through a real gateway; four of five versions are taken back; then the loop turns."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime

from pawl.durations import parse_duration
from pawl_devcluster.cluster import down
from pawl_devcluster.errors import DevclusterError
from pawl_devcluster.report import to_stderr
from pawl_examples import bringup, install, present
from pawl_examples.app import Settings
from pawl_examples.applog import LogSettings
from pawl_examples.bringup import Stand, prepare, set_up
from pawl_examples.dataset import Material, load_material
from pawl_examples.follow import Follower
from pawl_examples.history import Transition
from pawl_examples.kube import KubeError
from pawl_examples.loop.opening import opened
from pawl_examples.loop.talk import lessons_for
from pawl_examples.loop.turn import LoopResult
from pawl_examples.loop.turn_tables import controls_table, golden_table, turns_table
from pawl_examples.options import Options, read_options
from pawl_examples.pace import numbers
from pawl_examples.phases import Phases
from pawl_examples.releases import Candidate, Releases
from pawl_examples.replay import taught_people
from pawl_examples.report import Result, write_report
from pawl_examples.scenarios import scenarios
from pawl_examples.tables import bad_versions_table, models_table, releases_table
from pawl_examples.traffic import Traffic
from pawl_examples.training import TrainingError

LOWEST_WEIGHT = 10
TWIN_IMAGE = "localhost/pawl/fact-extractor:twin"
FIRST_EVIDENCE = "until the first evidence"
HEALTHY_SECONDS = 120.0
EXPECTED = (DevclusterError, KubeError, TrainingError, OSError, ValueError)


class Demo:
    """One run; `result` holds what is known so far."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.result = Result()
        self._console = present.make_console()
        self._speaking = threading.Lock()
        self._phases = Phases(lambda text: to_stderr(f"phase {text}"))

    def play(self) -> None:
        """Run, and finish whatever came of it."""
        try:
            self.run()
        except EXPECTED as error:
            self.result.error = f"{type(error).__name__}: {error}"
            to_stderr(self.result.error)
        finally:
            self.finish()

    def run(self) -> None:
        """Everything from the first line to the last release; raises one of EXPECTED when it cannot go on."""
        with self._phases.phase("conversations read"):
            material = load_material()
        counted = numbers(material, self.options.times, LOWEST_WEIGHT)
        self.result.numbers = asdict(counted)
        taught = taught_people(material, self.options.times.pace)
        self.result.opening = present.opening(self.options.times, material.people, len(material.provers), taught)
        self._lines([*self.result.opening, present.people_line(counted), ""])
        grounds = prepare(self._phases, self.options.folder, to_stderr, self.options.turns)
        self.result.models = list(grounds.trained.models)
        stand = set_up(self._phases, grounds, self.options.times, counted)
        if self.options.only:
            with self._traffic(stand, material) as traffic, self._follower(stand) as follower:
                self._release_all(stand, traffic, follower)
        if self.options.turns:
            self._learn(stand, material)

    def finish(self) -> None:
        """Tables, what was not shown, how to go on, and the report."""
        self.result.seconds = {**self._phases.seconds, "all": self._phases.total}
        write_report(self.result, self.options.report)
        self._lines([""])
        rows = self.result.rows
        tables = [models_table(self.result.models)]
        if self.result.outcomes:
            tables += [releases_table(self.result.outcomes, rows), bad_versions_table(self.result.outcomes, rows)]
        if self.result.loop is not None:
            tables += [made(self.result.loop) for made in (turns_table, controls_table, golden_table)]
        for table in tables:
            self._console.print(present.rich_table(table))
        for outcome in self.result.outcomes:
            ending = outcome.record.state if outcome.record else "no release"
            said = "as said" if outcome.as_said else f"NOT as said ({outcome.scenario.ending})"
            self._lines([f"{outcome.scenario.key}) {ending}: {said}", *(f"   {one}" for one in outcome.problems)])
        if self.result.loop is not None:
            self._lines([f"loop) NOT as said: {problem}" for problem in self.result.loop.problems])
        self._lines(["", *present.seconds_lines(self.result.seconds), f"REPORT      {self.options.report}"])
        self._lines([*present.closing(), ""])
        self._lines([f"  {line}" for line in present.go_on(kept=self.options.keep)])

    def _release_all(self, stand: Stand, traffic: Traffic, follower: Follower) -> None:
        candidate = Candidate(install.NAMESPACE, install.ROLLOUT, install.source(), stand.trained.digest)
        scrape = parse_duration(stand.cluster.tools.settings.scrape_interval).total_seconds()
        times = replace(self.options.times, scrape=scrape)
        releases = Releases(stand.kube, follower, traffic, candidate, times, self._note)
        if not follower.until(lambda history: history.phase == "Healthy", HEALTHY_SECONDS):
            raise KubeError(f"the Rollout was not Healthy within {HEALTHY_SECONDS:.0f} s")
        for scenario in scenarios(TWIN_IMAGE):
            if scenario.key in self.options.only:
                with self._phases.phase(f"release {scenario.key}"):
                    self.result.outcomes.append(releases.run(scenario))
                self.result.rows = traffic.ledger.rows()

    def _learn(self, stand: Stand, material: Material) -> None:
        """The second act, in a namespace and with traffic of its own."""
        self.result.loop = LoopResult()
        with (
            self._phases.phase("learning loop"),
            opened(stand, material, self.options.folder, self.result.loop, self._tell, self._note) as act,
        ):
            act.play(lessons_for(self.options.turns))

    @contextmanager
    def _traffic(self, stand: Stand, material: Material) -> Iterator[Traffic]:
        settings = Settings(stand.gateway, install.HOST)
        traffic = Traffic(settings, LogSettings(stand.collector, stand.token), material, self.options.times.pace)
        traffic.start()
        traffic.begin("before", annotated=False)
        try:
            yield traffic
        finally:
            traffic.stop()
            self.result.rows = traffic.ledger.rows()

    @contextmanager
    def _follower(self, stand: Stand) -> Iterator[Follower]:
        follower = Follower(stand.kube, install.NAMESPACE, install.ROLLOUT, self._tell)
        follower.start()
        try:
            yield follower
        finally:
            follower.stop()

    def _tell(self, transition: Transition) -> None:
        if transition.after.endswith(("Pass", "Fail", "Inconclusive")):
            self._phases.mark(FIRST_EVIDENCE)
        self.result.transitions.append(transition)
        self._lines([present.line_of(transition)])

    def _note(self, text: str) -> None:
        self._lines([present.note(text, datetime.now(UTC))])

    def _lines(self, lines: Sequence[str]) -> None:
        with self._speaking:
            for line in lines:
                self._console.print(line, markup=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when everything ended as said, with nothing lost and nobody in a wrong arm, 1 otherwise."""
    options = read_options(sys.argv[1:] if arguments is None else arguments)
    try:
        bringup.check()
    except DevclusterError as error:
        to_stderr(str(error))
        return 1
    demo = Demo(options)
    try:
        demo.play()
    finally:
        if not options.keep:
            down()
    return 0 if demo.result.as_said else 1


if __name__ == "__main__":
    sys.exit(main())

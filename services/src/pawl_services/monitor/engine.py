"""One look at all releases: which are live, how far each is read, what may be exported. Blocking; runs in a thread."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from pawl_services.db.engine import Database
from pawl_services.monitor.header import Header
from pawl_services.monitor.release import Release
from pawl_services.monitor.store import Evidence, OutdatedError, load, stored_since
from pawl_services.monitor.track import Track
from pawl_services.monitor.views import View

KEEP = 24 * 3_600_000_000
Key = tuple[str, int]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the cluster said: the live releases, and objects (by uid) that could not be read, so nothing is known."""

    live: Sequence[Release] = ()
    unknown: frozenset[str] = frozenset()


class Engine:
    """Holds the tracks of all releases that are live or ended less than a day ago.

    `wall` gives seconds since 1970, `leading` whether this process may still write.
    """

    def __init__(
        self, database: Database, wall: Callable[[], float] = time.time, leading: Callable[[], bool] = lambda: True
    ) -> None:
        self._database = database
        self._wall = wall
        self._leading = leading
        self._tracks: dict[Key, Track] = {}
        self._views: dict[Key, View] = {}
        self._known: set[Key] = set()
        self._loaded = False
        self.skipped: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    @property
    def open_windows(self) -> int:
        """Users under observation."""
        return sum(track.open_windows for track in self._tracks.values())

    @property
    def taken(self) -> int:
        """Interactions read since the tracks were opened."""
        return sum(track.taken for track in self._tracks.values())

    def forget(self) -> None:
        """Drop everything in memory: another monitor may have written since."""
        self._tracks.clear()
        self._views.clear()
        self._loaded = False

    def tick(self, sighting: Sighting | None, expired: Callable[[], bool]) -> tuple[View, ...]:
        """Advance every release to the present watermark, as far as time allows; `sighting` None: nothing was heard.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database does not answer; what was exported before grows old.
        """
        watermark = self._database.watermark()
        self._open(sighting, watermark)
        self._drop_old(watermark)
        # Whoever is furthest behind goes first: one busy release cannot starve the others.
        for key in sorted(self._tracks, key=lambda key: self._tracks[key].header.cursor):
            if not self._leading():
                break
            self._guarded(key, lambda track: self._advance(track, watermark, expired))
            if expired():
                break
        return tuple(self._views.values())

    def _open(self, sighting: Sighting | None, watermark: int) -> None:
        live = {release.key: release for release in sighting.live} if sighting else {}
        if not self._loaded:
            with self._database.read() as connection:
                self._known = set(stored_since(connection, watermark - KEEP))
            self._loaded = True
        self._known |= live.keys()
        for key in sorted(self._known - self._tracks.keys()):
            self._open_one(key, live.get(key))
        if sighting is not None:
            self._mark(live, sighting.unknown, watermark)

    def _open_one(self, key: Key, release: Release | None) -> None:
        try:
            with self._database.read() as connection:
                evidence = load(connection, *key)
            if evidence is None and release is not None:
                evidence = Evidence(Header.new(release))
                _log.info("release found", object=release.name, namespace=release.namespace, release=release.number)
            if evidence is not None:
                self._tracks[key] = Track(self._database, evidence)
        except Exception as error:  # noqa: BLE001  as in _guarded
            _log.exception("release not opened", uid=key[0], release=key[1])
            self.failed[type(error).__name__] += 1

    def _mark(self, live: Mapping[Key, Release], unknown: frozenset[str], watermark: int) -> None:
        for key, track in list(self._tracks.items()):
            if key in live and track.header.ended is not None:
                self._guarded(key, lambda track: track.reopen(watermark))
            elif key not in live and track.header.ended is None and key[0] not in unknown:
                self._guarded(key, lambda track: track.end(watermark))

    def _drop_old(self, watermark: int) -> None:
        for key, track in list(self._tracks.items()):
            if track.header.ended is not None and track.header.ended + KEEP < watermark:
                del self._tracks[key]
                self._views.pop(key, None)
                self._known.discard(key)

    def _advance(self, track: Track, watermark: int, expired: Callable[[], bool]) -> None:
        done = track.advance(watermark)
        while not done and self._leading() and not expired():
            done = track.advance(watermark)
        self.skipped += track.skipped
        track.skipped.clear()
        # Evidence that is still behind what was received must not look current: its age is that of the last full look.
        known = self._views.get(track.header.release.key)
        if done or known is not None:
            at = self._wall() if done or known is None else known.computed_at
            self._views[track.header.release.key] = View(track.header, track.groups, at)

    def _guarded(self, key: Key, work: Callable[[Track], None]) -> None:
        """Do something to one track; whatever goes wrong, that release is read again and the others go on."""
        release = self._tracks[key].header.release
        try:
            work(self._tracks[key])
        except OutdatedError as error:
            # Another monitor writes: what we hold of this release, also what we export, is not to be trusted.
            _log.warning("evidence was written by another monitor, reading again", reason=str(error))
            del self._tracks[key]
            self._views.pop(key, None)
            self.failed["outdated"] += 1
        except Exception as error:  # noqa: BLE001  one release's trouble, whatever it is, must not stop the others
            _log.exception("release not advanced", object=release.name, namespace=release.namespace)
            del self._tracks[key]
            self.failed[type(error).__name__] += 1

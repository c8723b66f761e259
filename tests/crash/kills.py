"""SIGKILL of the whole group at random instants while clients write, again and again on one data directory."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.crash import life
from tests.crash.client import Client, Cut, Violation
from tests.crash.model import Model
from tests.crash.verify import Verifier, check_blobs_on_disk
from tests.crash.writers import Storm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.crash.model import Key

WORKERS = 2
_ROUNDS_PER_EPOCH = 20
_REPORT_EVERY = 25
_LONGEST_STORM_SECONDS = 0.6
_SHORTEST_STORM_SECONDS = 0.01


@dataclass
class Tally:
    kills: int = 0
    kills_at_start: int = 0
    actions: int = 0
    reads: int = 0
    checks: int = 0
    uploads: int = 0
    blobs: int = 0

    def __str__(self) -> str:
        return (
            f"{self.kills} kills survived ({self.kills_at_start} of them while starting): {self.actions} actions of "
            f"clients, {self.reads} reads meanwhile, {self.checks} promises checked, {self.uploads} uploads found "
            f"again, {self.blobs} blobs verified on disk"
        )


class Kills:
    """The rounds: start, storm, SIGKILL, start, verify. The server that verified serves the next storm."""

    def __init__(self, data_dir: Path, seed: int) -> None:
        self._data_dir = data_dir
        self._seed = seed
        self._random = random.Random(seed)
        self._model = Model()
        self.tally = Tally()

    def run(self, kills: int) -> Tally:
        server = life.start(self._data_dir, workers=WORKERS)
        try:
            while self.tally.kills < kills:
                number = self.tally.kills
                storm = Storm(server.port, self._model, number // _ROUNDS_PER_EPOCH, f"{self._seed} {number}")
                storm.start()
                time.sleep(self._random.uniform(_SHORTEST_STORM_SECONDS, _LONGEST_STORM_SECONDS))
                storm.dying()
                life.kill(server)
                storm.join()
                self._count(storm)
                if storm.violations:
                    raise Violation("; ".join(storm.violations))
                self._maybe_kill_while_starting()
                server = life.start(self._data_dir, workers=WORKERS)
                self._verify(server.port, last=self.tally.kills >= kills)
                if self.tally.kills // _REPORT_EVERY > number // _REPORT_EVERY:
                    life.say(f"  {self.tally.kills} of {kills} kills, {self.tally.checks} promises checked")
        except (Violation, Cut) as failure:
            where = f"kill {self.tally.kills} of seed {self._seed}"
            raise Violation(f"{where}: {failure}\nThe server's last words: {server.log()[-1500:]}") from None
        finally:
            life.kill(server)
        self.tally.blobs = check_blobs_on_disk(self._data_dir)
        return self.tally

    def _count(self, storm: Storm) -> None:
        self.tally.kills += 1
        self.tally.actions += storm.actions
        self.tally.reads += storm.reads

    def _maybe_kill_while_starting(self) -> None:
        while self._random.random() < 0.1:
            server = life.launch(self._data_dir, workers=WORKERS)
            try:
                time.sleep(self._random.uniform(0, 0.8))
            finally:
                life.kill(server)
            self.tally.kills += 1
            self.tally.kills_at_start += 1

    def _verify(self, port: int, *, last: bool) -> None:
        with closing(Client(port)) as client:
            verifier = Verifier(client, self._model)
            if last:
                verifier.everything()
            else:
                verifier.touched(self._sample())
            self.tally.uploads += len(self._model.uploads)
            finish = [each for each in self._model.uploads if last or self._random.random() < 0.4]
            verifier.uploads(finish=finish)
        self.tally.checks += verifier.seen

    def _sample(self) -> list[Key]:
        keys = [key for keys in self._model.registers.values() for key in keys]
        return self._random.sample(keys, min(15, len(keys)))


def run(kills: int, seed: int) -> Tally:
    """Raises Violation when a promise is broken."""
    with life.place() as data_dir:
        return Kills(data_dir, seed).run(kills)

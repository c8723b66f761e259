"""`/metrics`: the numbers of all workers, and what is measured when somebody asks; without login, never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import HttpMethod, Request, Response, route
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, UnknownMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from trow import __version__
from trow.api.health import look
from trow.api.routes import READS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar.handlers import HTTPRouteHandler
    from prometheus_client import Metric

    from trow.config.live import Live
    from trow.metrics import Metrics


class _Answer(Collector):
    """Everything, once."""

    def __init__(self, metrics: Metrics, data_dir: Path, live: Live) -> None:
        self._metrics = metrics
        self._data_dir = data_dir
        self._live = live

    def collect(self) -> Iterator[Metric]:
        counted = self._metrics.families()
        yield from counted
        build = GaugeMetricFamily("trow_build_info", "1, labelled with what is running", labels=("version",))
        build.add_metric((__version__,), 1)
        yield build
        yield from self._settings()
        yield from self._disk()
        yield from _as_trow_03(counted)

    def _settings(self) -> Iterator[Metric]:
        now = self._live.generation
        yield GaugeMetricFamily(
            "trow_config_last_reload_successful",
            "1 if the file of settings, as it is now, is in force; 0 if it can't be used",
            value=not now.error,
        )
        yield GaugeMetricFamily(
            "trow_config_last_reload_success_timestamp_seconds",
            "When the settings in force were put in force",
            value=now.since,
        )
        yield GaugeMetricFamily(
            "trow_config_generation", "Counts what was put in force since the start, from 1", value=now.number
        )

    def _disk(self) -> Iterator[Metric]:
        disk = look(self._data_dir)
        yield GaugeMetricFamily("trow_storage_size_bytes", "Size of the data directory's disk", value=disk.size)
        yield GaugeMetricFamily("trow_storage_free_bytes", "What is free there for Trow", value=disk.available)
        yield GaugeMetricFamily(
            "trow_storage_writable", "1 if pushes work as far as the disk is concerned", value=disk.writable
        )
        for name, value in (("total", disk.size), ("free", disk.free), ("available", disk.available)):
            family = GaugeMetricFamily(f"{name}_space", f"Trow 0.3's: {name} space in bytes", labels=("type",))
            family.add_metric(("disk",), value)
            yield family


def _as_trow_03(counted: list[Metric]) -> Iterator[Metric]:
    """Its counters: pulls of manifests, and of blobs with those in vain. Their names are no counters' names today."""
    samples = [sample for family in counted for sample in family.samples if sample.name == "trow_http_requests_total"]
    for kind, in_vain in ((Kind.MANIFEST, False), (Kind.BLOB, True)):
        family = UnknownMetricFamily(
            f"total_{kind.value}_requests", f"Trow 0.3's: requests for {kind.value}s", labels=("type",)
        )
        pulls = (
            sample.value
            for sample in samples
            if sample.labels["route"] == kind.value
            and sample.labels["method"] in READS
            and (in_vain or sample.labels["code"] < "400")
        )
        family.add_metric((f"{kind.value}s",), sum(pulls))
        yield family


def metrics_handler(metrics: Metrics, data_dir: Path, live: Live) -> HTTPRouteHandler:
    """The route."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Answer(metrics, data_dir, live))

    # files of all workers are read: not where the others wait
    @route("/metrics", http_method=(HttpMethod.GET, HttpMethod.HEAD), sync_to_thread=True)
    def numbers(request: Request[Any, Any, Any]) -> Response[bytes]:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=media_type)

    return numbers

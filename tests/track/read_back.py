"""What each tool's own reader finds in the files of a run.

A reader gives, for each run by name: ``points``, the metrics as lists of (step, value); ``parameters``; ``status``,
where the tool has one; ``project`` and ``group``, where it has them.
"""

import json
import re
import struct
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Runs = dict[str, dict[str, Any]]


def tensorboard(folder: Path) -> Runs:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    runs: Runs = {}
    for path in (folder / "tensorboard").glob("*/*"):
        events = EventAccumulator(str(path), size_guidance={"scalars": 0}).Reload()
        points = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        content = events.PluginTagToContent(metadata.PLUGIN_NAME)[metadata.SESSION_START_INFO_TAG]
        values = metadata.parse_session_start_info_plugin_data(content).hparams
        parameters = {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}
        runs[path.name] = {"points": points, "parameters": parameters, "group": path.parent.name}
    return runs


def mlflow(folder: Path) -> Runs:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("my bench")
    runs: Runs = {}
    for run in client.search_runs([experiment.experiment_id]):
        assert run.info.run_name not in runs
        history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        runs[run.info.run_name] = {
            "points": {name: [(point.step, point.value) for point in points] for name, points in history.items()},
            "parameters": run.data.params,
            "status": run.info.status,
            "project": experiment.name,
            "group": run.data.tags["claros.group"],
        }
    return runs


def wandb(folder: Path) -> Runs:
    runs: Runs = {}
    for path in (folder / "wandb").glob("offline-run-*/*.wandb"):
        points, run = defaultdict(list), None
        for record in _wandb_records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run = record.run
                parameters = {item.key: json.loads(item.value_json) for item in run.config.update}
                parameters.pop("_wandb")
            if kind == "history":
                row = {item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
                for name in row.keys() - {"_step", "_timestamp", "_runtime"}:
                    points[name].append((row["_step"], row[name]))
            if kind == "exit":
                status = record.exit.exit_code
        if run is None:  # killed before it had written anything
            continue
        assert run.display_name not in runs
        if run.display_name == "margin, seed 1":  # the command that takes half a second is asked once
            command = [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", str(path.parent)]
            summary = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert re.search(r"^step +110$", summary, re.MULTILINE), summary
            assert re.search(r"^  accuracy +0.78125$", summary, re.MULTILINE), summary
        runs[run.display_name] = {
            "points": points,
            "parameters": parameters,
            "status": status,
            "project": run.project,
            "group": run.run_group,
        }
    return runs


def _wandb_records(path: Path) -> Iterator[Any]:
    """The messages of the file, which is a log as LevelDB has it: blocks of 32 KiB, records with 7 bytes of head."""
    from wandb.proto import wandb_internal_pb2

    content, place, message = path.read_bytes(), 7, b""
    while place < len(content):
        if (left := 2**15 - place % 2**15) < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        message += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(message)
            message = b""


def comet(folder: Path) -> Runs:
    runs: Runs = {}
    for path in (folder / "comet").glob("*.zip"):
        archive = zipfile.ZipFile(path)
        about = json.loads(archive.read("experiment.json"))
        points, parameters = defaultdict(list), {}
        for line in archive.read("messages.json").splitlines():
            kind, payload = (message := json.loads(line))["type"], message["payload"]
            if kind == "metric_msg":
                metric = payload["metric"]
                points[metric["metricName"]].append((metric["step"], metric["metricValue"]))
            elif kind == "parameter_msg" and payload["param"]["source"] == "manual":
                parameters[payload["param"]["paramName"]] = payload["param"]["paramValue"]
            elif kind == "log_other" and payload["key"] == "Name":
                name = payload["value"]
        status = [tag for tag in about["tags"] if tag == "failed"]  # they have no order
        (group,) = set(about["tags"]) - {"failed"}
        assert name not in runs
        runs[name] = {
            "points": points,
            "parameters": parameters,
            "status": status,
            "project": about["project_name"],
            "group": group,
        }
    return runs


def trackio(folder: Path) -> Runs:
    import trackio.sqlite_storage
    import trackio.utils

    for module in (trackio.utils, trackio.sqlite_storage):
        module.TRACKIO_DIR = folder / "trackio"
    runs: Runs = {}
    for run in trackio.Api().runs("my bench"):
        points = defaultdict(list)
        for row in trackio.sqlite_storage.SQLiteStorage.get_logs(run.project, run.name, run_id=run.id):
            for name in row.keys() - {"step", "timestamp"}:
                points[name].append((row["step"], row[name]))
        config = dict(run.config)
        group = config.pop("_Group")
        parameters = {name: value for name, value in config.items() if not name.startswith("_")}
        name, key = run.name.rsplit(" ", 1)
        assert len(key) == len("(123456)")
        assert name not in runs
        runs[name] = {"points": points, "parameters": parameters, "project": run.project, "group": group}
    return runs


READERS: dict[str, Callable[[Path], Runs]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "wandb": wandb,
    "comet": comet,
    "trackio": trackio,
}

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml


def test_ray_accepts_cluster_yaml() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((Path(__file__).resolve().parents[1] / "cluster.yaml").read_text())
    validate_config(prepare_config(copy.deepcopy(config)))
    assert config["available_node_types"]["head"]["resources"] == {"CPU": 0}, "no trial runs on the head"
    started = " ".join(config["head_start_ray_commands"] + config["worker_start_ray_commands"])
    assert started.count("RAY_AUTH_MODE=token") == 2
    assert "--dashboard-host=127.0.0.1" in started
    assert config["provider"]["cache_stopped_nodes"] is False


def test_the_validation_can_fail() -> None:
    from ray.autoscaler._private.util import validate_config

    with pytest.raises(Exception, match="cluster_name"):
        validate_config({"provider": {"type": "aws"}})

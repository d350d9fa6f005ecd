"""The manifests for Kubernetes: complete, tied to each other, and closed; no cluster is needed."""

from typing import Any

import pytest
import yaml
from shipped import PROVISIONING, SOURCE_OF_THE_IMAGE, Json

from datasource.settings import load_settings

FOLDER = PROVISIONING / "kubernetes"
KUSTOMIZATION: Json = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OF_VICTORIA_METRICS = ("vmrule.yaml", "vmservicescrape.yaml")
MANIFESTS: dict[str, Json] = {
    name: yaml.safe_load((FOLDER / name).read_text()) for name in (*KUSTOMIZATION["resources"], *OF_VICTORIA_METRICS)
}
BY_KIND = {one["kind"]: one for one in MANIFESTS.values()}
NAME = {"app.kubernetes.io/name": "causal-datasource"}

Schema = dict[str, Any]
"""The keys that have to be there, and no others: of each a type, a schema, or the schema of every element of a list."""

WHO: Schema = {"namespaceSelector": {"matchLabels": dict}}
PORT: Schema = {"protocol": str, "port": int}
PROBE: Schema = {"httpGet": {"path": str, "port": str}, "periodSeconds": int, "failureThreshold": int}
ALERT: Schema = {"alert": str, "expr": str, "labels": dict, "annotations": dict}
OPTIONAL = {"labels", "for", "keep_firing_for", "timeoutSeconds", "readOnly"}
RULES: Schema = {"groups": [{"name": str, "interval": str, "rules": [ALERT]}]}
CONTAINER: Schema = {
    "name": str,
    "image": str,
    "ports": [{"name": str, "containerPort": int}],
    "env": [{"name": str, "value": str}],
    "startupProbe": PROBE,
    "livenessProbe": PROBE,
    "readinessProbe": PROBE,
    "resources": {"requests": {"cpu": str, "memory": str}, "limits": {"memory": str}},
    "securityContext": {
        "allowPrivilegeEscalation": bool,
        "readOnlyRootFilesystem": bool,
        "capabilities": {"drop": list},
    },
    "volumeMounts": [{"name": str, "mountPath": str}],
}
POD: Schema = {
    "automountServiceAccountToken": bool,
    "terminationGracePeriodSeconds": int,
    "securityContext": {
        "runAsNonRoot": bool,
        "runAsUser": int,
        "runAsGroup": int,
        "fsGroup": int,
        "seccompProfile": {"type": str},
    },
    "containers": [CONTAINER],
    "volumes": list,
}
SPECS: dict[tuple[str, str], Schema] = {
    ("v1", "PersistentVolumeClaim"): {"accessModes": list, "resources": {"requests": {"storage": str}}},
    ("apps/v1", "Deployment"): {
        "replicas": int,
        "strategy": {"type": str},
        "selector": {"matchLabels": dict},
        "template": {"metadata": {"labels": dict}, "spec": POD},
    },
    ("v1", "Service"): {"selector": dict, "ports": [{"name": str, "port": int, "targetPort": str}]},
    ("monitoring.coreos.com/v1", "ServiceMonitor"): {
        "selector": {"matchLabels": dict},
        "endpoints": [
            {"port": str, "interval": str, "honorLabels": bool, "relabelings": [{"action": str, "regex": str}]}
        ],
    },
    ("operator.victoriametrics.com/v1beta1", "VMServiceScrape"): {
        "selector": {"matchLabels": dict},
        "endpoints": [
            {"port": str, "interval": str, "honorLabels": bool, "relabelConfigs": [{"action": str, "regex": str}]}
        ],
    },
    ("monitoring.coreos.com/v1", "PrometheusRule"): RULES,
    ("operator.victoriametrics.com/v1beta1", "VMRule"): RULES,
    ("networking.k8s.io/v1", "NetworkPolicy"): {
        "podSelector": {"matchLabels": dict},
        "policyTypes": list,
        "ingress": [{"from": [WHO], "ports": [PORT]}],
        "egress": [{"to": [WHO], "ports": [PORT]}],
    },
}


def misfits(value: Any, schema: Any, place: str = "") -> list[str]:
    """Where a value is not what a schema says."""
    if isinstance(schema, type):
        return [] if isinstance(value, schema) else [f"{place} is no {schema.__name__}: {value!r}"]
    if isinstance(schema, list):
        return [one for n, inner in enumerate(value) for one in misfits(inner, schema[0], f"{place}[{n}]")]
    if not isinstance(value, dict):
        return [f"{place} is no mapping: {value!r}"]
    unknown = [f"{place}.{key} is not known" for key in value.keys() - schema.keys() - OPTIONAL]
    missing = [f"{place}.{key} is missing" for key in schema.keys() - value.keys()]
    inner = [one for key in schema.keys() & value.keys() for one in misfits(value[key], schema[key], f"{place}.{key}")]
    return unknown + missing + inner


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_complete_and_has_no_keys_that_nobody_reads(name: str) -> None:
    manifest = MANIFESTS[name]
    assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert manifest["metadata"]["name"] == "causal-datasource"
    assert misfits(manifest["spec"], SPECS[manifest["apiVersion"], manifest["kind"]]) == []


def test_a_manifest_with_a_typing_error_does_not_fit() -> None:
    spec = yaml.safe_load((FOLDER / "servicemonitor.yaml").read_text())["spec"]
    spec["endpoints"][0]["honor_labels"] = spec["endpoints"][0].pop("honorLabels")
    schema = SPECS["monitoring.coreos.com/v1", "ServiceMonitor"]
    assert sorted(misfits(spec, schema)) == [
        ".endpoints[0].honorLabels is missing",
        ".endpoints[0].honor_labels is not known",
    ]


def test_everything_finds_the_pod() -> None:
    pod = BY_KIND["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert pod == NAME
    assert BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"] == NAME
    assert BY_KIND["Service"]["spec"]["selector"] == NAME
    assert BY_KIND["Service"]["metadata"]["labels"] == BY_KIND["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert BY_KIND["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == NAME


def test_everything_meets_at_the_port_on_which_the_image_listens() -> None:
    (container,) = BY_KIND["Deployment"]["spec"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    (served,) = BY_KIND["Service"]["spec"]["ports"]
    (scraped,) = BY_KIND["ServiceMonitor"]["spec"]["endpoints"]
    (allowed,) = BY_KIND["NetworkPolicy"]["spec"]["ingress"][0]["ports"]
    assert served["targetPort"] == port["name"]
    assert scraped["port"] == served["name"]
    assert {port["containerPort"], served["port"], allowed["port"]} == {8321}
    assert "EXPOSE 8321" in SOURCE_OF_THE_IMAGE
    assert {container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")} == {"/healthz"}


def test_results_have_their_own_labels_and_none_of_the_pod() -> None:
    """The operator gives every target five labels. An alert with the name of a pod would end with it."""
    (endpoint,) = BY_KIND["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True
    (dropped,) = [one["regex"] for one in endpoint["relabelings"] if one["action"] == "labeldrop"]
    assert set(dropped.split("|")) == {"namespace", "service", "pod", "container", "endpoint"}


def test_both_operators_scrape_alike() -> None:
    scrape, monitor = (BY_KIND[kind]["spec"] for kind in ("VMServiceScrape", "ServiceMonitor"))
    (ours,), (theirs,) = map(dict, scrape["endpoints"]), map(dict, monitor["endpoints"])
    assert scrape["selector"] == monitor["selector"]
    assert ours.pop("relabelConfigs") == theirs.pop("relabelings")
    assert ours == theirs


def test_incidents_are_on_a_volume_that_one_pod_writes() -> None:
    deployment = BY_KIND["Deployment"]["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (1, "Recreate")
    pod = deployment["template"]["spec"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    mounts = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert volumes["incidents"]["persistentVolumeClaim"]["claimName"] == "causal-datasource"
    assert mounts["incidents"] == "/var/lib/causal-datasource/causal-data"


def test_there_is_room_in_memory_for_three_snapshots_and_for_what_computes_them() -> None:
    pod = BY_KIND["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (name,) = [one["name"] for one in container["volumeMounts"] if one["mountPath"] == "/dev/shm"]
    (volume,) = [one["emptyDir"] for one in pod["volumes"] if one["name"] == name]
    assert volume["medium"] == "Memory"
    assert 3 * 70 <= mebibytes(volume["sizeLimit"]) <= mebibytes(container["resources"]["limits"]["memory"]) / 4
    assert pod["terminationGracePeriodSeconds"] > 25


def mebibytes(size: str) -> int:
    return int(size[:-2]) * {"Mi": 1, "Gi": 1024}[size[-2:]]


def test_the_pod_may_do_nothing_that_it_need_not() -> None:
    pod = BY_KIND["Deployment"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod['securityContext']['runAsUser']}" in SOURCE_OF_THE_IMAGE
    inside = pod["containers"][0]["securityContext"]
    assert (inside["allowPrivilegeEscalation"], inside["readOnlyRootFilesystem"]) == (False, True)
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert set(BY_KIND["NetworkPolicy"]["spec"]["policyTypes"]) == {"Ingress", "Egress"}


def test_the_settings_that_are_mounted_are_settings() -> None:
    (made,) = KUSTOMIZATION["configMapGenerator"]
    volumes = BY_KIND["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert {"name": "settings", "configMap": {"name": made["name"]}} in volumes
    (file,) = made["files"]
    assert f"/etc/causal-datasource/{file}" in SOURCE_OF_THE_IMAGE
    settings = load_settings(FOLDER / file).settings
    assert settings.signals
    port = int(settings.prometheus.url.rpartition(":")[2])
    allowed = [one["port"] for rule in BY_KIND["NetworkPolicy"]["spec"]["egress"] for one in rule["ports"]]
    assert port in allowed


def test_every_manifest_is_listed_but_that_of_the_other_operator() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"kustomization.yaml", "causal.yaml", *OF_VICTORIA_METRICS}
    assert files == set(KUSTOMIZATION["resources"])

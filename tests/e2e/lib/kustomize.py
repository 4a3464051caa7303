"""kustomize.py - what `kubectl apply -k` would send, as far as tools/packaging/kubernetes uses kustomize. Anything else in a
kustomization is an error here, so that no test passes over what it does not understand."""
import base64
import pathlib

import yaml

KNOWN = {"apiVersion", "kind", "resources", "components", "namespace", "labels", "images", "generatorOptions", "secretGenerator", "patches"}
CLUSTER_WIDE = {"Namespace"}
NAMED_LISTS = {"containers", "initContainers", "env", "volumes", "ports"}  # merged by name; all others are replaced
SELECTORS = {  # where a label becomes part of what selects: (kind, path)
    ("Service", "spec/selector"), ("StatefulSet", "spec/selector/matchLabels"), ("Deployment", "spec/selector/matchLabels"),
    ("PodDisruptionBudget", "spec/selector/matchLabels"), ("NetworkPolicy", "spec/podSelector/matchLabels"),
    ("NetworkPolicy", "spec/ingress/from/podSelector/matchLabels"), ("NetworkPolicy", "spec/egress/to/podSelector/matchLabels"),
    ("Deployment", "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels"),
}
TEMPLATES = {("StatefulSet", "spec/template/metadata/labels"), ("Deployment", "spec/template/metadata/labels"),
             ("StatefulSet", "spec/volumeClaimTemplates/metadata/labels")}


def documents(path):
    return [one for one in yaml.safe_load_all(pathlib.Path(path).read_text()) if one]


def places(node, path, create):
    """The dicts at path below node; lists on the way are walked."""
    if isinstance(node, list):
        return [place for one in node for place in places(one, path, create)]
    if not path:
        return [node]
    if path[0] not in node:
        if not create:
            return []
        node[path[0]] = {}
    return places(node[path[0]], path[1:], create)


def merge(into, patch):
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif key in NAMED_LISTS and isinstance(into.get(key), list):
            named = {one["name"]: one for one in into[key]}
            for one in value:
                if one["name"] in named:
                    merge(named[one["name"]], one)
                else:
                    into[key].append(one)
        else:
            into[key] = value


def secrets(kustomization, folder):
    for generator in kustomization.get("secretGenerator", []):
        data = {}
        for entry in generator["files"]:
            key, _, path = entry.rpartition("=")
            data[key or pathlib.Path(path).name] = base64.b64encode((folder / path).read_bytes()).decode()
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": generator["name"]}, "type": generator.get("type", "Opaque"), "data": data}


def find(objects, wanted):
    (one,) = [o for o in objects if (o["apiVersion"], o["kind"], o["metadata"]["name"]) ==
              (wanted["apiVersion"], wanted["kind"], wanted["metadata"]["name"])]
    return one


def transform(kustomization, objects):
    for entry in kustomization.get("labels", []):
        for one in objects:
            one["metadata"].setdefault("labels", {}).update(entry["pairs"])
            wanted = (SELECTORS if entry.get("includeSelectors") else set()) | (TEMPLATES if entry.get("includeTemplates") else set())
            for kind, path in wanted:
                if kind == one["kind"]:
                    for place in places(one, path.split("/"), path.endswith("metadata/labels")):
                        place.update(entry["pairs"])
    for image in kustomization.get("images", []):
        for one in objects:
            for container in places(one, ["spec", "template", "spec", "containers"], False):
                if container["image"] == image["name"]:
                    container["image"] = f"{image['newName']}:{image['newTag']}"
    if "namespace" in kustomization:
        for one in objects:
            if one["kind"] not in CLUSTER_WIDE:
                one["metadata"]["namespace"] = kustomization["namespace"]


def build(folder):
    """The objects of a kustomization, in no particular order."""
    folder = pathlib.Path(folder)
    (kustomization,) = documents(folder / "kustomization.yaml")
    assert set(kustomization) <= KNOWN, set(kustomization) - KNOWN
    assert kustomization.get("generatorOptions", {"disableNameSuffixHash": True}) == {"disableNameSuffixHash": True}
    objects = []
    for path in kustomization.get("resources", []) + kustomization.get("components", []):
        objects += build(folder / path) if (folder / path).is_dir() else documents(folder / path)
    objects += secrets(kustomization, folder)
    for entry in kustomization.get("patches", []):
        assert set(entry) == {"path"}
        for patch in documents(folder / entry["path"]):
            merge(find(objects, patch), patch)
    transform(kustomization, objects)
    return objects

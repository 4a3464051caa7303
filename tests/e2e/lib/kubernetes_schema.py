"""kubernetes_schema.py - the API's own JSON schemas (strict: no unknown field), out of a wheel that tools/install-deps downloads."""
import functools
import json
import zipfile

import jsonschema
import pytest
from conftest import ROOT

FOLDER = "kubernetes_validate/kubernetes-json-schema/v{}.0-local-strict/"


@functools.cache
def load(version, name):
    wheels = sorted((ROOT / "build/python").glob("kubernetes_validate-*.whl"))
    if not wheels:
        pytest.skip("needs the schemas of Kubernetes (tools/install-deps test downloads them)")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        return json.loads(wheel.read(FOLDER.format(version) + name))


def errors(one, version):
    """What is wrong with an object, as texts."""
    group, _, api = one["apiVersion"].rpartition("/")
    name = "-".join(filter(None, [one["kind"].lower(), group.split(".")[0], api])) + ".json"
    schema = load(version, name)
    definitions = load(version, "_definitions.json")
    resolver = jsonschema.RefResolver.from_schema(schema, store={definitions["$id"]: definitions})
    return [f"{one['kind']} {one['metadata']['name']}: {'/'.join(map(str, e.absolute_path))}: {e.message[:300]}"
            for e in jsonschema.Draft202012Validator(schema, resolver=resolver).iter_errors(one)]

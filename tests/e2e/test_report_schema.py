"""Every report of tests/data/report is valid by its schema: varve.image/1 of docs/schema, CycloneDX 1.6 of ../shared/data."""
import json
import pathlib
import warnings

import pytest

jsonschema = pytest.importorskip("jsonschema", reason="needs python3-jsonschema")

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORTS = ROOT / "tests" / "data" / "report"
CYCLONEDX = ROOT.parent / "shared" / "data" / "schemas" / "cyclonedx" / "schema"


def names(pattern):
    found = sorted(path.name for path in REPORTS.glob(pattern))
    assert found, f"no {pattern} in {REPORTS}"
    return found


@pytest.fixture(scope="module")
def image_schema():
    schema = json.loads((ROOT / "docs/schema/varve.image.1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def cyclonedx_schema():
    if not CYCLONEDX.is_dir():
        pytest.skip("cyclonedx schema: needs ../shared/data")
    schemas = {path.name: json.loads(path.read_text()) for path in CYCLONEDX.glob("*.schema.json")}
    main = schemas["bom-1.6.schema.json"]
    store = {schema["$id"]: schema for schema in schemas.values() if "$id" in schema}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        resolver = jsonschema.RefResolver(main["$id"], main, store=store)
        return jsonschema.Draft7Validator(main, resolver=resolver)


@pytest.mark.parametrize("name", [n for n in names("*.json") if not n.endswith(".cdx.json")])
def test_json_is_an_array_of_images(name, image_schema):
    for image in json.loads((REPORTS / name).read_text()):
        image_schema.validate(image)


@pytest.mark.parametrize("name", names("*.jsonl"))
def test_jsonl_is_one_image_per_line(name, image_schema):
    lines = (REPORTS / name).read_text().split("\n")
    assert lines.pop() == ""
    for line in lines:
        image_schema.validate(json.loads(line))


@pytest.mark.parametrize("name", names("*.cdx.json"))
def test_cyclonedx_is_valid(name, cyclonedx_schema):
    cyclonedx_schema.validate(json.loads((REPORTS / name).read_text()))


@pytest.mark.parametrize("name", names("*.cdx.json"))
def test_cyclonedx_references_exist_once(name):
    document = json.loads((REPORTS / name).read_text())
    refs = []

    def collect(node):
        if isinstance(node, dict):
            refs.extend([node["bom-ref"]] if "bom-ref" in node else [])
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(document)
    assert len(refs) == len(set(refs))
    for dependency in document["dependencies"]:
        assert dependency["ref"] in refs
        assert set(dependency.get("dependsOn", [])) <= set(refs)
    for vulnerability in document["vulnerabilities"]:
        for affected in vulnerability["affects"]:
            assert affected["ref"] in refs


@pytest.mark.parametrize("name", ["no_source.cdx.json", "no_database.cdx.json", "incomplete.cdx.json"])
def test_cyclonedx_tells_what_it_does_not_know(name):
    properties = {p["name"]: p["value"] for p in json.loads((REPORTS / name).read_text())["metadata"]["component"]["properties"]}
    assert properties["varve:complete"] == "false" or "no_advisory_source" in properties["varve:coverage"]


@pytest.mark.parametrize("broken", [
    {"complete": None}, {"coverage": [{"ecosystem": "Debian:12", "packages": 1, "state": "clean", "feed_date": None}]},
    {"digest": "sha256:abc"}, {"surprise": 1},
])
def test_schema_refuses(broken, image_schema):
    image = json.loads((REPORTS / "debian.json").read_text())[0] | broken
    assert not image_schema.is_valid(image)

"""What is wrong with OCSF findings, by the schema of 1.8.0 as published and by nothing of ours.

JSON Schema does not say all of it, so what it leaves out is read from the same schema: which
attributes are deprecated, of which ones there must be at least one, which caption goes with which
number, and how long and of which form a text may be.

Reads lines of `{"case": …, "finding": …}`, and prints a line for each fault and how many it judged.
"""

import functools
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION = "1.8.0"
CLASS = "detection_finding"


@functools.cache
def schema() -> Any:
    return get_ocsf_schema(version=VERSION)


@functools.cache
def validator(*profiles: str) -> jsonschema.Draft202012Validator:
    schemas = OcsfJsonSchemaEmbedded(schema())
    json_schema = schemas.get_class_schema(CLASS, profiles=list(profiles))
    return jsonschema.Draft202012Validator(
        json_schema, format_checker=jsonschema.FormatChecker()
    )


def faults(finding: dict[str, Any]) -> Iterator[str]:
    """Each as a sentence with its place."""
    profiles = finding.get("metadata", {}).get("profiles", [])
    for error in validator(*sorted(profiles)).iter_errors(finding):
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
    of_class = schema()["classes"][CLASS]
    if unknown := set(profiles) - set(of_class["profiles"]):
        yield f"metadata/profiles: not of this class: {unknown}"
    if finding.get("metadata", {}).get("version") != VERSION:
        yield f"metadata/version: not {VERSION}"
    if finding.get("type_uid") != finding.get("class_uid", 0) * 100 + finding.get("activity_id", 0):
        yield "type_uid: not the class and the activity"
    yield from faults_of(finding, of_class, "")


def faults_of(value: dict[str, Any], of: dict[str, Any], path: str) -> Iterator[str]:
    attributes = of["attributes"]
    one_of = (of.get("constraints") or {}).get("at_least_one")
    if one_of and not set(one_of) & value.keys():
        yield f"{path.rstrip('/')}: none of {one_of}"
    for name, child in value.items():
        attribute = attributes.get(name)
        if attribute is None:
            continue  # The JSON Schema says so where it is wrong.
        if "@deprecated" in attribute:
            yield f"{path}{name} is deprecated: {attribute['@deprecated'].get('message')}"
        children = child if isinstance(child, list) else [child]
        for place, one in enumerate(children):
            at = f"{path}{name}/{place}/" if isinstance(child, list) else f"{path}{name}/"
            kind = attribute.get("object_type")
            if kind and isinstance(one, dict) and kind != "object":
                yield from faults_of(one, schema()["objects"][kind], at)
            elif isinstance(one, str):
                yield from faults_of_text(one, attribute["type"], at.rstrip("/"))
        caption = attribute.get("sibling")
        enum = attribute.get("enum")
        if caption and enum and caption in value:
            expected = enum.get(str(child), {}).get("caption")
            if value[caption] != expected and child != 99:
                yield f"{path}{caption}: {value[caption]!r} is not the caption of {child}"


def faults_of_text(text: str, kind: str, path: str) -> Iterator[str]:
    of_kind = schema()["dictionary"]["types"]["attributes"].get(kind, {})
    if "max_len" in of_kind and len(text) > of_kind["max_len"]:
        yield f"{path}: {len(text)} characters in a {kind}"
    if "regex" in of_kind and not re.search(of_kind["regex"], text):
        yield f"{path}: {text[:80]!r} is no {kind}"


def main() -> None:
    count = 0
    for line in sys.stdin:
        case = json.loads(line)
        for fault in faults(case["finding"]):
            print(f"{case['case']}: {fault}")
        count += 1
    print(f"judged {count}")


if __name__ == "__main__":
    main()

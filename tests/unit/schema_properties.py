#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# tests/unit/schema_properties.py DIRECTORY >tests/unit/schema_properties.txt
#
# Prints every property that the JSON schema of config.json has for Linux, one pointer a line, sorted;
# "*" stands for an index or a name that the schema leaves open. DIRECTORY: schema/ of
# github.com/opencontainers/runtime-spec at the tag that the first line names:
#
#   git clone --branch v1.3.0 https://github.com/opencontainers/runtime-spec
import json
import pathlib
import sys

VERSION = "v1.3.0"
START = "config-schema.json"
OTHER_PLATFORMS = {"/freebsd", "/solaris", "/vm", "/windows", "/zos"}


class Schema:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.files = {}
        self.properties = set()

    def file(self, name):
        if name not in self.files:
            self.files[name] = json.loads((self.directory / name).read_text())
        return self.files[name]

    # "defs.json#/definitions/uint32", or "#/..." of the same file.
    def resolve(self, reference, here):
        name, _, pointer = reference.partition("#")
        name = name or here
        node = self.file(name)
        for part in filter(None, pointer.split("/")):
            node = node[part]
        return node, name

    def walk(self, node, here, at):
        if "$ref" in node:
            self.walk(*self.resolve(node["$ref"], here), at)
        for word in ("allOf", "anyOf", "oneOf"):
            for part in node.get(word, []):
                self.walk(part, here, at)
        for name, part in node.get("properties", {}).items():
            pointer = f"{at}/{name}"
            if pointer not in OTHER_PLATFORMS:
                self.properties.add(pointer)
                self.walk(part, here, pointer)
        open_names = list(node.get("patternProperties", {}).values())
        for part in open_names + [node.get("additionalProperties"), node.get("items")]:
            if isinstance(part, dict):
                self.walk(part, here, f"{at}/*")


schema = Schema(sys.argv[1])
schema.walk(schema.file(START), START, "")
print(f"# {VERSION}")
print("\n".join(sorted(schema.properties)))

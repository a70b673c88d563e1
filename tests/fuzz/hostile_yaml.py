"""YAML made to harm: what a rig, protocol or manifest file could hold if someone meant ill."""

from __future__ import annotations

HOSTILE = {
    "alias bomb": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{one}: &{one} [{','.join([f'*{before}'] * 10)}]\n" for before, one in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "merge bomb": "a: &a {"
    + ",".join(f"k{i}: 1" for i in range(2000))
    + "}\nb: {<<: ["
    + ",".join(["*a"] * 20000)
    + "]}",
    "alias in itself": "name: &a [*a]",
    "mapping in itself": "name: &a {b: *a}",
    "merge of itself": "a: &a {x: 1, <<: *a}",
    "deep lists": "name: " + "[" * 20000,
    "deep mappings": "name: " + "{a: " * 20000,
    "deep blocks": "- " * 20000,
    "long list": "name: [" + "1," * 20_000 + "]",
    "many keys": "".join(f"k{i}: 1\n" for i in range(6000)),
    "huge hexadecimal": "name: 0x" + "f" * 200_000,
    "huge decimal": "name: " + "9" * 200_000,
    "huge sexagesimal": "%YAML 1.1\n---\nname: " + ":".join(["59"] * 20_000),
    "infinite": "name: 1e99999",
    "not a number": "name: .nan",
    "python call": "name: !!python/object/apply:os.system [exit 1]",
    "python object": "name: !!python/object:os.system {}",
    "python name": "!!python/name:os.system : 1",
    "unknown tag": "name: !include /etc/passwd",
    "tag directive": "%TAG ! tag:example.org,2000:\n---\nname: !foo x",
    "bad bool": "name: !!bool x",
    "bad timestamp": "name: !!timestamp x",
    "impossible date": "name: 2020-13-41",
    "binary": "name: !!binary aGk=",
    "set": "name: !!set {a, b}",
    "duplicate key": "name: 1\nname: 2",
    "two documents": "name: 1\n---\nname: 2",
    "list as a key": "? [1, 2]\n: 3",
    "mapping as a key": "? {a: 1}\n: 3",
    "null as a key": "~: 3",
    "surrogate": 'name: "\\ud800"',
    "surrogate as a key": '"\\ud800": 1',
    "NUL": 'name: "a\\0b"',
    "terminal escape": 'name: "\\e]0;owned\\a"',
    "terminal escape as a key": '"\\e[2J": 1',
    "right-to-left override": 'name: "\\u202egnp.exe"',
    "lone tab": "\tname: 1",
    "only a scalar": "x",
    "nothing": "",
    "long line": "name: " + "x" * 250_000,
    "comments": "#\n" * 140_000,
}

"""How sound files are made unsound: bytes of any; values, keys and lines of those with structure, digests made right again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from synaptile.conversion.graph.mapped import write_tensors
from synaptile.conversion.graph.storage import read_safetensors
from synaptile.foundation.archive import write_archive
from synaptile.foundation.arrays import read_arrays
from synaptile.foundation.digest import digest_of

EXTREME: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e-300,
    1e300,
    2**70,
    "",
    "[/x]",
    "x" * 10_000,
    [],
    {},
    [[[]]],
    float("inf"),
    -0.0,
    "1e20",
    "²",
)
Mutate = Callable[[random.Random, bytes], bytes]


def some_bytes(dice: random.Random, content: bytes) -> bytes:
    """Bytes flipped, cut out, repeated, made others; at times the file is cut short."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        at, length = dice.randrange(len(changed)), dice.randint(1, 64)
        match dice.randrange(4):
            case 0:
                changed[at] ^= 1 << dice.randrange(8)
            case 1:
                changed[at : at + length] = dice.randbytes(min(length, len(changed) - at))
            case 2:
                changed[at:at] = changed[at : at + length]
            case _:
                del changed[at : at + length]
        if not changed:
            return b""
    return bytes(changed[: dice.randrange(len(changed))] if dice.random() < 0.1 else changed)


def yaml_text(dice: random.Random, content: bytes) -> bytes:
    """A value, key or line of a YAML file made another; or bytes of it."""
    if dice.random() < 0.2:
        return some_bytes(dice, content)
    lines = content.decode().splitlines()
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(lines))
        key, colon, _ = lines[at].partition(":")
        match dice.randrange(5):
            case 0:
                lines[at] = f"{key}{colon} {json.dumps(dice.choice(EXTREME))}"
            case 1:
                lines[at] = f"{key}{colon} {{value: {json.dumps(dice.choice(EXTREME))}, assumed: fuzz}}"
            case 2:
                del lines[at]
            case 3:
                lines.insert(at, lines[dice.randrange(len(lines))])
            case _:
                lines[at] = lines[at].replace(
                    dice.choice("{}[]:,abe0"), dice.choice(("", "&a ", "*a ", "!!x ", "- ", "[", "9" * 400))
                )
        lines = lines or [""]
    return "\n".join(lines).encode()


def json_lines(dice: random.Random, content: bytes) -> bytes:
    """An entry of one line made extreme; or bytes of the file."""
    if dice.random() < 0.3:
        return some_bytes(dice, content)
    lines = [json.loads(line) for line in content.splitlines()]
    spoil(dice, lines[dice.randrange(len(lines))])
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def json_text(dice: random.Random, content: bytes) -> bytes:
    """An entry of a JSON file made extreme; or bytes of it."""
    if dice.random() < 0.3:
        return some_bytes(dice, content)
    value = json.loads(content)
    spoil(dice, value)
    return json.dumps(value).encode()


def spoil(dice: random.Random, value: Any) -> None:
    """Remove, add or retype one entry, somewhere in nested mappings and lists."""
    while True:
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = dice.choice(keys)
        below = value[key]
        if isinstance(below, dict | list) and below and dice.random() < 0.7:
            value = below
            continue
        match dice.randrange(3):
            case 0:
                del value[key]
            case 1 if isinstance(value, dict):
                value["fuzz"] = dice.choice(EXTREME)
            case _:
                value[key] = dice.choice(EXTREME)
        return


def archive_of(folder: Path, kind: str, version: int) -> Mutate:
    """Mutations of an archive's header and arrays, its digest right."""

    def mutate(dice: random.Random, content: bytes) -> bytes:
        file = folder / "mutated.npz"
        file.write_bytes(content)
        arrays = read_arrays(file)
        header = json.loads(arrays.pop("header").tobytes())
        for key in ("format", "version", "digest"):
            header.pop(key)
        if dice.random() < 0.5:
            spoil(dice, header)
        else:
            name = dice.choice(sorted(arrays))
            array = arrays[name]
            choices: list[Callable[[], Any]] = [
                lambda: array[:-1] if array.ndim else array[None],
                lambda: array[None],
                lambda: array.astype(np.float32) * np.nan,
                lambda: array.astype(np.int64) - 2**40,
                lambda: array.astype(np.uint8),
                lambda: np.zeros((0,) * array.ndim, array.dtype),
                lambda: np.concatenate([array, array]) if array.ndim else array,
                lambda: array.reshape(-1)[:3],
            ]
            arrays[name] = dice.choice(choices)()
            if dice.random() < 0.2:
                del arrays[name]
        try:
            write_archive(file, kind, version, header, arrays)
        except (ValueError, TypeError):  # NaN and the like, which no archive holds
            return content
        return file.read_bytes()

    return mutate


def structure_of(folder: Path) -> Mutate:
    """Mutations of a graph's nodes and metadata, its digest right."""

    def mutate(dice: random.Random, content: bytes) -> bytes:
        file = folder / "mutated.spk"
        file.write_bytes(content)
        header, tensors = read_safetensors(file, "synaptile-graph", 1)
        structure = json.loads(header["graph"])
        spoil(dice, structure["nodes"] if dice.random() < 0.7 else structure)
        header["graph"], header["graph_digest"] = json.dumps(structure), digest_of(structure, tensors)
        write_tensors(file, {name: np.array(tensor) for name, tensor in tensors.items()}, header)
        return file.read_bytes()

    return mutate

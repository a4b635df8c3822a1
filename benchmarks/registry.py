"""timm's registry as a test suite: ``python -m benchmarks.registry [-o FOLDER] [--module NAME ...] [--again] [--page FILE]``.

Of every transformer-like model of timm, in groups of one structure (names without size, patch, window and resolution), the
smallest member is built with random weights in float64, few blocks where timm's keywords allow, and lowered: it converts if the
graph computes what the model does, to 1e-9. Each runs in a process of its own, one after the other, bounded in time and memory;
groups that ``registry.json`` already holds are not run again. ``--cosine`` adds, to those that convert, how near the spiking
network comes to its ANN.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import re
import resource
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_MODULES = (
    "beit byoanet cait coat convit convmixer cpubone crossvit csatv2 davit deepseek_vit deit edgenext efficientformer "
    "efficientformer_v2 efficientvim efficientvit_mit efficientvit_msra eva fastvit focalnet gcvit gemma4_vit hiera "
    "hieradet_sam2 iformer levit lowformer mambaout maxxvit metaformer mlp_mixer mobilenetv5 mobilevit mvitv2 naflexvit "
    "nest nextvit pit pvt_v2 qwen3_vit repvit sequencer shvit swiftformer swin_transformer swin_transformer_v2 "
    "swin_transformer_v2_cr tiny_vit tnt twins visformer vision_transformer vision_transformer_hybrid "
    "vision_transformer_relpos vision_transformer_sam vitamin volo xcit"
)
MODULES = _MODULES.split()
"""Modules of timm whose models attend, or mix tokens as attention does; convolutional networks are left out."""
_SIZES = (
    "atto femto pico zepto nano pluto rna xxtiny xtiny xxs xs wee little tiny mini dwee dpwee mobile moat small s s12 "
    "medium m mediumd betwixt base b l large xl xlarge xxl huge h giant gigantic g enormous so150m so150m2 so400m"
)
SIZES = _SIZES.split()
"""Words of size, roughly smallest first: members of a group are ranked by them."""
_NUMBERS = re.compile(r"^(patch|window|p|w|x|d|b|s|m|l|h|t|g|xs|xxs)?\d+([.\-x_]?\d*)?[bmk]?(px)?$")
SHRUNK: tuple[dict[str, Any], ...] = ({"depth": 2, "img_size": 112}, {"depth": 2}, {"depths": (2, 2, 2, 2)}, {})
"""Keywords that are tried one after the other: two blocks, or two per stage, and few tokens."""
SMALLER: tuple[dict[str, Any], ...] = (
    *({"img_size": side, "pretrained_cfg_overlay": {"input_size": (3, side, side)}} for side in (112, 128)),
    {"pretrained_cfg_overlay": {"input_size": (3, 128, 128)}},
    {},
)
"""Keywords that are added where a model is executed, one after the other: images of half the size cost a quarter."""
LIMIT = 1e-9
STEPS = 32
METHODS = ("ecmt", "differential")
"""Methods whose spiking network is held against its ANN after `STEPS` steps, one after the other until one is near enough."""
ENOUGH = 0.999
"""The cosine of their logits that is asked of it."""


def models_by_module() -> dict[str, list[str]]:
    """Names of all models of `MODULES`."""
    from timm.models import list_models, list_modules

    assert set(MODULES) <= set(list_modules()), sorted(set(MODULES) - set(list_modules()))
    return {module: sorted(list_models(module=module)) for module in MODULES}


def group_of(name: str) -> str:
    """A name without the words that say size, patch, window or resolution."""
    words = name.split("_")
    return "_".join(word for word in words if word not in SIZES and not _NUMBERS.match(word)) or name


def size_of(name: str) -> tuple[int, int, int]:
    """A rank by the words of a name: its size, or billions of parameters, then large patches first, then its resolution."""
    words = name.split("_")
    ranks = [SIZES.index(word) if word in SIZES else len(SIZES) for word in words if word in SIZES or re.match(r"\d+b$", word)]
    patch = max((int(found[1]) for word in words if (found := re.match(r"(?:patch|p)(\d+)", word))), default=0)
    pixels = max((int(word) for word in words if word.isdigit()), default=0)
    return (ranks[0] if ranks else len(SIZES) // 2, -patch, pixels)


def run(name: str) -> dict[str, Any]:
    """One model: whether it converts, and the cause where it does not. Keywords that it cannot be traced with give way."""
    found: dict[str, Any] = {}
    for options in SHRUNK:
        start = time.perf_counter()
        model = build(name, options)
        if model is not None:
            found = {**_lowered(model), "options": options, "seconds": round(time.perf_counter() - start, 1)}
            if "cannot trace" not in found.get("cause", ""):
                break
    return found


def cosine(name: str, options: dict[str, Any], method: Any) -> float:
    """Cosine of the logits after `STEPS` steps with the ANN's, on one of the four random images that thresholds come from.

    The images are as small as the model takes them.
    """
    import numpy as np

    import synaptile as st
    from synaptile.conversion.trace import image_source

    for smaller in SMALLER:
        model = build(name, options | smaller)
        if model is None:
            continue
        images = np.random.default_rng(0).standard_normal((4, *image_source(model).image_shape))
        try:
            graph = st.convert(model, images, method=method)
            break
        except Exception:
            if not smaller:
                raise
    found = st.reference(graph, images[:1], STEPS, keep_spikes=False).logits[-1, 0]
    wanted = st.ann_forward(graph, images[:1])[0]
    return float(found @ wanted / max(np.linalg.norm(found) * np.linalg.norm(wanted), 1e-300))


def _lowered(model: Any) -> dict[str, Any]:
    import torch

    from synaptile.conversion.convert import check_against_model, lower_model
    from synaptile.foundation.errors import SynaptileError

    try:
        with torch.no_grad():
            graph = lower_model(model)
            difference = check_against_model(graph, model)
    except SynaptileError as error:
        return {"outcome": "refused", "cause": str(error).partition("; supported: ")[0]}
    except Exception as error:
        return {"outcome": "failed", "cause": f"{type(error).__name__}: {str(error).splitlines()[:1]}"}
    limit = 1e-6 if "rounds" in graph.metadata else LIMIT
    if difference > limit:
        return {"outcome": "failed", "cause": f"differs from the model by {difference:.1e}"}
    kinds = dict(sorted(Counter(node.kind for node in graph.nodes.values()).items()))
    return {"outcome": "converts", "difference": difference, "kinds": kinds}


def build(name: str, options: dict[str, Any]) -> Any:
    """A model in float64 with random weights off their neutral values; None where it takes no such keywords."""
    import timm
    import torch

    torch.manual_seed(0)
    try:
        model = timm.create_model(name, pretrained=False, **options).double().eval()
    except (TypeError, AssertionError, IndexError, ValueError, KeyError):
        return None
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim < 2 else 0.02))
    return model


def _worker(work: Callable[[], Any], memory: int, end: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # torch's warnings
    try:
        end.send(work())
    except BaseException as error:
        end.send({"outcome": "failed", "cause": f"{type(error).__name__}: {error}"[:300]})


def bounded(work: Callable[[], Any], seconds: float, memory: int) -> Any:
    """What `work` gives in a process of its own, ended after so many seconds, with so many bytes of address space."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_worker, args=(work, memory, there))
    process.start()
    there.close()
    try:
        found: Any = here.recv() if here.poll(seconds) else {"outcome": "failed", "cause": f"ran beyond {seconds:g} s"}
    except EOFError:
        found = {"outcome": "failed", "cause": "the process ended: out of memory"}
    process.kill()
    process.join()
    return found


def cause_of(found: dict[str, Any]) -> str:
    """The cause of a refusal without the names of model and module, so that alike causes count together."""
    text = re.sub(r"^model [\w.\-]+: ", "", found.get("cause", ""))
    text = re.sub(r" in module '[^']*'", "", text).replace("aten.", "")
    text = re.sub(r"'[\w.]*'", "a node", text)
    return re.sub(r"\(?(?<![\w.])\d[\d, x]*\)?", "N", text)[:160]


def page(results: dict[str, dict[str, Any]], by_module: dict[str, list[str]]) -> str:
    """The page of the docs: per module what converts, and what stops the rest."""
    groups = {key: entry for key, entry in results.items() if key.partition("/")[0] in by_module}

    def ok(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [entry for entry in entries if entry["outcome"] == "converts"]

    def members(entries: list[dict[str, Any]]) -> int:
        return sum(len(entry["members"]) for entry in entries)

    everything = list(groups.values())
    good, total = members(ok(everything)), sum(len(names) for names in by_module.values())
    lines = [
        "# Which models of timm convert",
        "",
        f"Made by `python -m benchmarks.registry --page docs/registry.md` on {date.today().isoformat()} with timm "
        f"{version('timm')}, torch {version('torch')}: the smallest member of each structural group, random weights, two blocks "
        "and 112 pixels where timm's keywords allow. Groups go by names without size, patch and resolution; members that differ "
        "inside are not told apart. A model converts if the lowered graph computes what the model does to 1e-9 in float64 (1e-6 "
        "where the model itself turns to float32 on its way). What is not converted is refused before anything is executed; the "
        "table gives each cause as the refusal names it.",
        "",
        f"**{good} of {total} transformer-like models ({good / total:.0%}) convert, {len(ok(everything))} of {len(everything)} "
        f"groups.** Largest difference of one that converts: {max((e['difference'] for e in ok(everything)), default=0):.1e}.",
        "",
        *cosine_lines(everything),
        "| module | groups | models | least cosine | what stops the others (models) |",
        "|---|---:|---:|---:|---|",
    ]
    for module in by_module:
        entries = [entry for key, entry in groups.items() if key.startswith(f"{module}/")]
        causes: Counter[str] = Counter()
        missing = len(by_module[module]) - members(entries)
        causes |= {"not run yet": missing} if missing else {}
        for entry in entries:
            if entry["outcome"] != "converts":
                causes[cause_of(entry)] += len(entry["members"])
        stops = "; ".join(f"{cause.replace('|', '/')} ({count})" for cause, count in causes.most_common(3))
        best = [value for entry in ok(entries) if (value := best_cosine(entry)) is not None]
        least = f"{min(best):.4f}" if best else ""
        counts = f"{len(ok(entries))}/{len(entries)} | {members(ok(entries))}/{len(by_module[module])}"
        lines.append(f"| {module} | {counts} | {least} | {stops} |")
    return "\n".join(lines) + "\n"


def best_cosine(entry: dict[str, Any]) -> float | None:
    """The larger of a model's cosines with its ANN; None where it was not executed to the end."""
    return max((value for value in entry.get("cosine", {}).values() if isinstance(value, float)), default=None)


def cosine_lines(entries: list[dict[str, Any]]) -> list[str]:
    """How many of those that were executed reach `ENOUGH`, and which do not."""
    found = [(entry["model"], value) for entry in entries if (value := best_cosine(entry)) is not None]
    if not found:
        return []
    below = "; ".join(f"{name} {value:.4f}" for name, value in found if not value >= ENOUGH)
    return [
        f"**{sum(value >= ENOUGH for _, value in found)} of {len(found)} executed reach a cosine of {ENOUGH} with their ANN "
        f"after {STEPS} steps**, by {METHODS[0]} or, where that falls short, by {METHODS[1]}: float64, dense, one random image, "
        "112 or 128 pixels where a model takes them, random weights; `least cosine` is that of a module's groups. "
        f"Below: {below or 'none'}.",
        "",
    ]


def main() -> None:
    """Run what is missing, write the results after each model, and the page where asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registry", description=__doc__.split("\n\n")[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("registry"), help="folder of registry.json")
    parser.add_argument("--module", action="append", choices=MODULES, metavar="NAME", help="a module of timm; repeatable")
    parser.add_argument("--again", choices=("refused", "failed", "all"), help="run these again, whatever the file holds")
    parser.add_argument("--seconds", type=float, default=300.0, help="bound of one model")
    parser.add_argument("--gib", type=float, default=8.0, help="bound of one model's address space, GiB, beside torch's own")
    parser.add_argument("--cosine", action="store_true", help="execute those that convert, 32 steps, beside their ANN")
    parser.add_argument("--page", type=Path, help="write the page of the docs there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "registry.json"
    results: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    by_module = models_by_module()
    memory = int((options.gib + 4) * 2**30)
    import torch

    torch.set_num_threads(1)  # a forked process has none of its parent's threads
    for module in options.module or MODULES:
        groups: dict[str, list[str]] = {}
        for name in by_module[module]:
            groups.setdefault(group_of(name), []).append(name)
        for group, names in groups.items():
            key, names = f"{module}/{group}", sorted(names, key=size_of)
            known = results.get(key, {}).get("outcome")
            if known and not (options.again and (options.again in (known, "all"))):
                continue
            found = bounded(functools.partial(run, names[0]), options.seconds, memory)
            results[key] = {"model": names[0], "members": names, **found}
            print(f"{found['outcome']:9} {names[0]} ({len(names)}) {found.get('cause', '')[:150]}", flush=True)
            file.write_text(json.dumps(results, indent=1))
    for entry in sorted(results.values(), key=lambda entry: entry.get("seconds", 0)) if options.cosine else ():  # soonest first
        for method in METHODS if entry["outcome"] == "converts" else ():
            known = entry.setdefault("cosine", {})
            if not isinstance(known.get(method), float) and not (best_cosine(entry) or 0) >= ENOUGH:
                work = functools.partial(cosine, entry["model"], entry["options"], method)
                known[method] = bounded(work, options.seconds, memory)
                print(f"{entry['model']}: {method} {known[method]}", flush=True)
                file.write_text(json.dumps(results, indent=1))
    if options.page:
        options.page.write_text(page(results, by_module))
        print(f"wrote {options.page}")


if __name__ == "__main__":
    main()

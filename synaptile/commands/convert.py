"""`synaptile convert`: a timm model, a text encoder, a trained spiking network, NIR or integers, to a graph file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synaptile.commands.options import with_suffix
from synaptile.foundation.options import FinitePresentation, IFUnit, MethodName, Preset, Reset, SpikingInput
from synaptile.terminal import counted, output

if TYPE_CHECKING:
    import torch

    from synaptile.conversion.convert import Calibration
    from synaptile.conversion.graph import SpikingGraph
    from synaptile.conversion.text.encoder import TextEncoder


def convert(
    model: Annotated[
        str,
        typer.Argument(
            help="A timm model's name, `digits` or `digits_spikformer` (embedded), a text encoder's folder, MODULE:FACTORY of a "
            "spiking PyTorch model, a .nir file, or an .npz of whole numbers."
        ),
    ],
    to: Annotated[Path, typer.Option("--output", "-o", help="Graph file to write (.spk).")],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Local safetensors or checkpoint; timm's hub if absent.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option("--calibration", help="Folder of images to take thresholds from.")] = None,
    sentences: Annotated[
        Path | None, typer.Option("--sentences", help="For a text encoder: sentences, one per line, to take thresholds from.")
    ] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="For a text encoder: longest sentence, 64 by default.")] = None,
    keep_activations: Annotated[
        bool, typer.Option("--keep-activations", help="SpikeZIP: leave GELU in place, where the method puts a ReLU.")
    ] = False,
    method: Annotated[MethodName | None, typer.Option("--method", help="ecmt by default.")] = None,
    levels: Annotated[int | None, typer.Option("--levels", help="SpikeZIP: levels per quantiser, 32 by default.")] = None,
    presentation: Annotated[FinitePresentation | None, typer.Option("--input", help="SpikeZIP: analog by default.")] = None,
    preset: Annotated[
        Preset | None, typer.Option("--preset", help="ECMT: paper (default), or released (what the published code does).")
    ] = None,
    thresholds: Annotated[
        int | None, typer.Option("-n", help="ECMT, differential: thresholds per sign; 8 by default, ECMT's EVA 6.")
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", help="Differential: times the measured thresholds, 2 by default.")
    ] = None,
    quantile: Annotated[float | None, typer.Option("-p", help="ECMT: quantile of Algorithm 1, 0.99 by default.")] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Calibration images per batch.")] = 8,
    random_weights: Annotated[int | None, typer.Option("--random-weights", help="Seed: size a chip without weights.")] = None,
    image_size: Annotated[int | None, typer.Option("--image-size", help="Image side, where the model can change it.")] = None,
    depth: Annotated[int | None, typer.Option("--depth", help="Blocks, for a study at reduced depth.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", "-T", help="MODULE:FACTORY: time steps of the model.")] = None,
    input_shape: Annotated[
        str | None,
        typer.Option(
            "--input-shape", help="MODULE:FACTORY: one sample as the model takes it, 1,3,32,32; with steps in front if so."
        ),
    ] = None,
    spikes_in: Annotated[
        bool, typer.Option("--spikes-in", help="MODULE:FACTORY: it takes trains of 0 and 1, not images.")
    ] = False,
    input_values: Annotated[
        bool, typer.Option("--input-values", help="NIR: the Input gives real values or event counts, not spikes.")
    ] = False,
    dt: Annotated[float | None, typer.Option("--dt", help="NIR: length of a step, 1e-4 where the file says nothing.")] = None,
    reset: Annotated[
        Reset | None, typer.Option("--reset", help="NIR: value (to v_reset, the default) or subtract (the threshold).")
    ] = None,
    if_unit: Annotated[
        IFUnit | None,
        typer.Option("--if-unit", help="NIR: r of IF neurons is per step or second; told by the file if absent."),
    ] = None,
    integer: Annotated[
        bool | None, typer.Option("--integer", help="NIR: weights and thresholds are whole numbers, execute in integers.")
    ] = None,
) -> None:
    """Convert a timm model or a text encoder into a spiking network (ECMT, SpikeZIP-TF, differential), or read one, and save it.

    Models need the extra `convert` (torch, timm), text the extra `text` (tokenizers), NIR files the extra `nir`.
    docs/integer.md describes an .npz of whole numbers.
    """
    from synaptile.conversion.convert import convert as convert_model
    from synaptile.conversion.graph import load_graph, save_graph
    from synaptile.conversion.images import open_folder
    from synaptile.conversion.integer import from_integer
    from synaptile.conversion.nir import from_nir, import_report
    from synaptile.conversion.text.encoder import load_text_encoder
    from synaptile.conversion.weights import check_model, load_timm
    from synaptile.data import DIGITS_SPIKFORMER, digits_model
    from synaptile.foundation.errors import CalibrationError
    from synaptile.images import digits

    with_suffix(to, ".spk", "a graph file")
    kind = _kind_of(model)
    timm = {"--calibration": calibration, "--image-size": image_size, "--depth": depth}
    trained = {"--steps": steps, "--input-shape": input_shape, "--spikes-in": spikes_in or None}
    method_options: dict[str, object] = {
        "--method": method,
        "--preset": preset,
        "-n": thresholds,
        "-p": quantile,
        "--scale": scale,
    }
    method_options |= {"--levels": levels, "--input": presentation, "--keep-activations": keep_activations or None}
    if kind != "trained":
        _refuse_foreign(model, kind, "timm", {"--weights": weights, "--random-weights": random_weights})
    _refuse_foreign(model, kind, "timm", timm)
    _refuse_foreign(model, kind, "trained", trained)
    _refuse_foreign(model, kind, "text", {"--sentences": sentences, "--tokens": tokens})
    _refuse_foreign(
        model,
        kind,
        "nir",
        {"--dt": dt, "--reset": reset, "--integer": integer, "--if-unit": if_unit, "--input-values": input_values or None},
    )
    if kind in ("nir", "integer", "trained", "spikformer"):
        _refuse_foreign(model, kind, "model", method_options)
    if kind in ("trained", "spikformer"):
        if kind == "trained":
            graph = _trained(model, weights, random_weights, steps, input_shape, spikes_in)
        else:
            graph = load_graph(DIGITS_SPIKFORMER)
        save_graph(graph, to)
        took = f"trained as spiking in {graph.metadata['steps']} steps"
        output().print(f"{to}: {graph.name}, {took}, {len(graph.nodes)} nodes, {len(graph.sites)} neuron sites")
        return
    if kind == "nir":
        shown: SpikingInput = "values" if input_values else "spikes"
        graph = from_nir(model, dt=dt, reset=reset or "value", integer=bool(integer), if_unit=if_unit, input=shown)
        save_graph(graph, to)
        output().print(f"{to}: {graph.name} from NIR, {len(graph.nodes)} nodes, {len(graph.sites)} sites, {shown} in")
        output().print("read with " + "\n".join(import_report(graph)))
        return
    if kind == "integer":
        graph = from_integer(model)
        save_graph(graph, to)
        output().print(f"{to}: {graph.name} in whole numbers, {len(graph.nodes)} nodes, {len(graph.sites)} sites")
        return
    if kind == "timm":
        check_model(model)
        if calibration is None:  # asked for now: building a large model takes minutes
            raise CalibrationError(f"no calibration images for {model}: give a folder of them with --calibration")
        open_folder(calibration)
    with counted(f"calibrating {model}") as progress:
        network: torch.nn.Module | TextEncoder
        samples: Calibration | None
        if kind == "text":
            network, samples = load_text_encoder(model, tokens=tokens), sentences
        elif kind == "digits":
            network, samples = digits_model(), digits("calibration").images
        else:
            sizes = {name: size for name, size in (("img_size", image_size), ("depth", depth)) if size is not None}
            network, samples = load_timm(model, weights, random_seed=random_weights, **sizes), calibration
        graph = convert_model(
            network,
            samples,
            method=method or "ecmt",
            batch_size=batch_size,
            progress=progress,
            share_weights=True,
            preset=preset,
            n=thresholds,
            p=quantile,
            scale=scale,
            levels=levels,
            input=presentation,
            keep_activations=keep_activations or None,
        )
    del network  # what it does not share with the graph, which is written next
    save_graph(graph, to)
    facts = graph.metadata
    how = f"preset {facts['preset']}" if "preset" in facts else f"{facts['method']}, "
    if "levels" in facts:
        how += f"{facts['levels']} levels"
    elif "scale" in facts:
        how += f"n {facts['n']}, scale {facts['scale']:g}" + _silent(facts.get("silent_channels", {}))
    output().print(
        f"{to}: {graph.name}, {how}, {len(graph.nodes)} nodes, {len(graph.sites)} neuron sites, "
        f"{sum(graph.ann_macs.values()):,} MACs in one pass of the ANN"
    )
    if left_out := facts.get("left_out"):
        more = f" and {len(left_out) - 5} more" if len(left_out) > 5 else ""
        output().print(f"left out, no part of the encoder: {', '.join(left_out[:5])}{more}")


def _trained(
    model: str, weights: Path | None, random_weights: int | None, steps: int | None, input_shape: str | None, spikes_in: bool
) -> SpikingGraph:
    """The graph of a spiking PyTorch model, named MODULE:FACTORY."""
    from synaptile.conversion.torch_snn import from_torch_snn, load_torch_snn
    from synaptile.foundation.errors import InputError

    if steps is None or input_shape is None:
        raise InputError(f"{model}: a spiking PyTorch model needs --steps and --input-shape, such as 1,3,32,32")
    try:
        shape = [int(extent) for extent in input_shape.split(",")]
    except ValueError:
        raise InputError(
            f"--input-shape is {input_shape!r}, needs whole numbers with commas between, such as 1,3,32,32"
        ) from None
    network = load_torch_snn(model, weights, random_seed=random_weights)
    return from_torch_snn(network, shape, steps, input="spikes" if spikes_in else "image")


def _silent(channels: Mapping[str, int]) -> str:
    """What became of channels without a threshold of their own."""
    if not channels:
        return ""
    return f", {sum(channels.values())} silent channels in {len(channels)} sites take their site's smallest threshold"


Kind = Literal["timm", "digits", "spikformer", "text", "trained", "nir", "integer"]
"""What a conversion starts from."""

_OWNERS = {
    "timm": "a timm model",
    "text": "the folder of a text encoder, with a config.json",
    "trained": "a spiking PyTorch model, MODULE:FACTORY",
    "nir": "NIR files",
    "model": "models, whose neurons a method makes",
}


def _kind_of(model: str) -> Kind:
    if Path(model).suffix == ".nir":
        return "nir"
    if Path(model).suffix == ".npz":
        return "integer"
    if (Path(model) / "config.json").is_file():
        return "text"
    from synaptile.conversion.weights import HUBS

    if ":" in model and not model.startswith(HUBS):
        return "trained"
    embedded: dict[str, Kind] = {"digits": "digits", "digits_spikformer": "spikformer"}
    return embedded.get(model, "timm")


def _refuse_foreign(model: str, kind: Kind, owner: str, options: Mapping[str, object]) -> None:
    """Raise InputError for options that are given, but are another kind of model's."""
    from synaptile.foundation.errors import InputError

    given = [name for name, value in options.items() if value is not None]
    if given and kind != owner:
        raise InputError(
            f"{' and '.join(options)} are for {_OWNERS[owner]}; {model} is none: it takes no {', '.join(given)}, leave it out"
        )

"""`synaptile convert`: a timm model, a text encoder's folder or a NIR file to a spiking graph file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from synaptile.commands.options import Preset, with_suffix
from synaptile.images import DIGITS, digits
from synaptile.terminal import counted, output


def convert(
    model: Annotated[
        str, typer.Argument(help="A timm model's name, `digits` (embedded), a text encoder's folder, or a .nir file.")
    ],
    to: Annotated[Path, typer.Option("--output", "-o", help="Graph file to write (.spk).")],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Local safetensors or checkpoint; timm's hub if absent.")
    ] = None,
    calibration: Annotated[Path | None, typer.Option("--calibration", help="Folder of images to take thresholds from.")] = None,
    sentences: Annotated[
        Path | None, typer.Option("--sentences", help="For a text encoder: sentences, one a line, to take thresholds from.")
    ] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="For a text encoder: longest sentence, 64 by default.")] = None,
    keep_activations: Annotated[
        bool, typer.Option("--keep-activations", help="SpikeZIP: leave GELU in place, where the method puts a ReLU.")
    ] = False,
    method: Annotated[str, typer.Option("--method", help="ecmt or spikezip.")] = "ecmt",
    levels: Annotated[int | None, typer.Option("--levels", help="SpikeZIP: levels a quantiser, 32 by default.")] = None,
    shown: Annotated[str | None, typer.Option("--input", help="SpikeZIP: analog (the default) or rate.")] = None,
    preset: Preset = "paper",
    thresholds: Annotated[int | None, typer.Option("-n", help="Thresholds a sign; 8, and 6 for EVA, by default.")] = None,
    quantile: Annotated[float, typer.Option("-p", help="Quantile of Algorithm 1.")] = 0.99,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Calibration images a batch.")] = 8,
    random_weights: Annotated[int | None, typer.Option("--random-weights", help="Seed: size a chip without weights.")] = None,
    image_size: Annotated[int | None, typer.Option("--image-size", help="Image side, where the model can change it.")] = None,
    depth: Annotated[int | None, typer.Option("--depth", help="Blocks, for a study at reduced depth.")] = None,
    dt: Annotated[float | None, typer.Option("--dt", help="NIR: length of a step, 1e-4 where the file says nothing.")] = None,
    reset: Annotated[str, typer.Option("--reset", help="NIR: value (to v_reset) or subtract (the threshold).")] = "value",
) -> None:
    """Convert a timm model or a text encoder into a spiking network (ECMT or SpikeZIP-TF), or read one from NIR, and save it.

    Models need the extra `convert` (torch, timm), text the extra `text` (tokenizers), NIR files the extra `nir`.
    """
    from synaptile.conversion.convert import convert as convert_model
    from synaptile.conversion.graph import save_graph
    from synaptile.conversion.images import open_folder
    from synaptile.conversion.text.encoder import load_text_encoder
    from synaptile.conversion.weights import check_model, load_timm
    from synaptile.data import digits_model
    from synaptile.foundation.errors import CalibrationError, InputError

    with_suffix(to, ".spk", "a graph file")
    kept = True if keep_activations else None
    text = (Path(model) / "config.json").is_file()
    if not text and (sentences is not None or tokens is not None):
        raise InputError(f"--sentences and --tokens are for the folder of a text encoder, with a config.json; {model} is none")
    if Path(model).suffix == ".nir":
        from synaptile.conversion.nir import from_nir

        given = {"--weights": weights, "--calibration": calibration, "--levels": levels, "--input": shown, "-n": thresholds}
        given |= {"--random-weights": random_weights, "--image-size": image_size, "--depth": depth, "--keep-activations": kept}
        if surplus := [name for name, value in given.items() if value is not None]:
            raise InputError(f"a NIR file brings its weights and neurons, it takes no {', '.join(surplus)}: leave it out")
        graph = from_nir(model, dt=dt, reset=reset)  # type: ignore[arg-type]  # checked there
        save_graph(graph, to)
        output().print(f"{to}: {graph.name} from NIR, {len(graph.nodes)} nodes, {len(graph.sites)} sites, spikes in")
        return
    if dt is not None or reset != "value":
        raise InputError(f"--dt and --reset are for NIR files, {model} is none: leave them out")
    sizes = {"img_size": image_size, "depth": depth}
    if text:
        given = {"--weights": weights, "--calibration": calibration, "--random-weights": random_weights}
        given |= {"--image-size": image_size, "--depth": depth}
        if surplus := [name for name, value in given.items() if value is not None]:
            raise InputError(f"a text encoder brings its weights and takes --sentences, no {', '.join(surplus)}: leave it out")
    elif model != DIGITS:
        check_model(model)
        if calibration is None:  # asked for now: building a large model takes minutes
            raise CalibrationError(f"no calibration images for {model}: give a folder of them with --calibration")
        open_folder(calibration)
    with counted(f"calibrating {model}") as progress:
        if text:
            network: Any = load_text_encoder(model, tokens=tokens)
        elif model == DIGITS:
            given = {"weights": weights, "calibration": calibration, "random-weights": random_weights, **sizes}
            if surplus := [f"--{name.replace('img_size', 'image-size')}" for name, value in given.items() if value is not None]:
                raise InputError(f"the embedded model brings weights and digits, it takes no {', '.join(surplus)}: leave it out")
            network = digits_model()
        else:
            options = {name: value for name, value in sizes.items() if value is not None}
            network = load_timm(model, weights, random_seed=random_weights, **options)
        source = sentences if text else digits("calibration").images if model == DIGITS else calibration
        chosen: dict[str, Any] = {"method": method, "levels": levels, "input": shown, "batch_size": batch_size}
        chosen["keep_activations"] = kept
        graph = convert_model(network, source, preset=preset, n=thresholds, p=quantile, **chosen, progress=progress)
    del network  # as large as the graph, which is written next
    save_graph(graph, to)
    how = f"preset {preset}" if method == "ecmt" else f"{method}, {graph.metadata['levels']} levels"
    output().print(
        f"{to}: {graph.name}, {how}, {len(graph.nodes)} nodes, {len(graph.sites)} neuron sites, "
        f"{sum(graph.ann_macs.values()):,} MACs in one pass of the ANN"
    )

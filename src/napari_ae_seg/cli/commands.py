"""What the commands do: each reads images, runs the pipeline, writes one thing, and says what it did."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from napari_ae_seg.config import NetworkConfig, ObjectsConfig, RunConfig, SegmentationConfig, TrainingConfig, flag_of

from .console import Talk
from .options import asks_for, configured, given_in, numbers
from .outputs import expect, label_paths, shapes, train_on, write_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.images.stack import Image, Stack
    from napari_ae_seg.segmenter.segmenter import Segmenter
    from napari_ae_seg.segmenter.segments import Segments

SUFFIXES = (".tif", ".tiff", ".png", ".npy", ".nii", ".nii.gz", ".zarr")


def train(images: Sequence[Path], model: Path, fields: dict[str, Any]) -> None:
    """Trains an autoencoder on `images` and writes it to `model`."""
    network, training = configured(NetworkConfig, fields), configured(TrainingConfig, fields)
    with Talk("train", fields) as talk:
        stack = read_images(images, fields, network.ndim, talk)
        talk.say(expect(stack, training, network, 0, talk.account))
        trained = train_on(stack, training, network, talk.account, talk.report)
        trained.save(model)
        talk.account.configs(network, training)
        talk.say_cost()
        talk.say(f"model: {model}")


def segment(images: Sequence[Path], out: Path, asked: dict[str, Any], fields: dict[str, Any]) -> None:
    """Labels of `images`, written to `out`; `asked` are the options that are no field of a config."""
    model, finetune = asked["model"], asked["finetune"]
    wanted = asks_for(fields, NetworkConfig, TrainingConfig)
    if model and (wanted or asked["train"] or finetune):
        flags = [*wanted, *(f"--{name}" for name in ("train", "finetune") if asked[name])]
        raise typer.BadParameter(
            f"{', '.join(flags)} would train, but --model is trained already; leave out one of them"
        )
    if asked["rescale"] and not model:
        raise typer.BadParameter("--rescale resamples to the pixel size of --model: give one")
    network, training = configured(NetworkConfig, fields), configured(TrainingConfig, fields)
    config = configured(SegmentationConfig, fields)
    _check_out(images, out)
    with Talk("segment", fields) as talk:
        from napari_ae_seg.autoencoder.model import has_shipped
        from napari_ae_seg.segmenter.trust import stability

        stack = read_images(images, fields, network.ndim, talk)
        talk.account.configs(network, training, config)
        learns = bool(asked["train"] or wanted or finetune) or not (model or has_shipped(stack.ndim))
        learning = training.but(steps=finetune or training.steps) if learns else None
        talk.say(expect(stack, learning, network, config.n_clusters, talk.account))
        if model:
            segmenter = _loaded(model, stack, config, asked["refit"], fields, talk)
        else:
            segmenter = _fitted(stack, network, learning, config, bool(finetune), talk)
        talk.say(segmenter.sentence)
        if asked["strokes"]:
            segmenter = _guided(segmenter, stack, asked["strokes"], talk)
        if asked["save_model"]:
            segmenter.save(asked["save_model"])
            talk.say(f"model: {asked['save_model']}")
        if fields.get("report") and not segmenter.by_region:
            with talk.account.stage("stability"):
                talk.account.facts["stability"] = round(stability(segmenter), 4)
        talk.account.facts |= {"sentence": segmenter.sentence, "curve": segmenter.clusters.curve}
        _label(segmenter, stack, out, asked, talk)
        talk.say_cost()


def generate(file: Path, out: Path, n: int, fields: dict[str, Any]) -> None:
    """`n` images drawn from the variational model in `file`, written to `out`."""
    if out.suffix not in (".tif", ".tiff", ".npy"):
        raise typer.BadParameter(f"--out: images are written as .tif or .npy, got {out.name}")
    with Talk("generate", fields) as talk:
        from napari_ae_seg.autoencoder.decode import generate as draw
        from napari_ae_seg.autoencoder.model import Autoencoder
        from napari_ae_seg.images.formats.write import write_images

        model = Autoencoder.load(file).on(fields.get("device", "auto"))
        with talk.account.stage("generate"):
            images = draw(model, n, fields.get("seed", 0))
        write_images(out, images)
        talk.say(f"{n} image{'s' * (n != 1)}: {out}")


def info(file: Path, as_json: bool, fields: dict[str, Any]) -> None:
    """Prints what a model file holds."""
    import json

    from napari_ae_seg.core import modelfile

    from .describe import describe

    with Talk("info", fields) as talk:
        if as_json:
            header, arrays = modelfile.read(file)
            sizes = {name: list(array.shape) for name, array in arrays.items()}
            print(json.dumps({"header": header, "tensors": sizes}, indent=2))
        else:
            talk.say(describe(file))


def devices(fields: dict[str, Any]) -> None:
    """Prints the devices torch knows of, which one is used and why."""
    from napari_ae_seg.core import devices as known

    with Talk("devices", fields) as talk:
        chosen = known.resolve(fields.get("device", "auto"))
        for line in known.listing():
            talk.say(f"{line.name:8} {line.description}{'' if line.usable else ' (not usable)'}")
        threads = known.use_threads(fields.get("threads", 0))
        talk.say(f"used: {chosen.device} - {chosen.reason}; {threads} of {known.cores()} CPU cores")


def demo(out: Path, window: bool, fields: dict[str, Any]) -> None:
    """Trains on a sample image, segments it, writes labels and a picture, and opens napari if there is a display."""
    from napari_ae_seg.images.formats.write import write_images, write_labels, write_picture

    training = configured(TrainingConfig, fields)
    config = configured(SegmentationConfig, fields, n_clusters=5)
    with Talk("demo", fields) as talk:
        from napari_ae_seg.images.stack import read
        from napari_ae_seg.samples import draw
        from napari_ae_seg.segmenter.segmenter import Segmenter

        from .outputs import picture

        sample = draw("textures")
        stack = read(sample.image, axes=sample.axes, spacing=sample.spacing)
        talk.say("sample: a mosaic of five textures")
        talk.say(expect(stack, training, NetworkConfig(), config.n_clusters, talk.account))
        model = train_on(stack, training, NetworkConfig(), talk.account, talk.report)
        with talk.account.stage("fit"):
            segmenter = Segmenter.fit(model, stack, config, talk.report)
        with talk.account.stage("label"):
            segments = segmenter.apply_to(stack.image, report=talk.report)
        talk.finish()
        out.mkdir(parents=True, exist_ok=True)
        write_images(out / "textures.tif", sample.image[None, None])
        write_labels(out / "textures_labels.tif", segments.labels, stack.image)
        write_picture(out / "textures.png", picture(sample.image, segments))
        segmenter.save(out / "textures.aeseg")
        talk.say(segments.sentence)
        talk.say(f"labels:  {out / 'textures_labels.tif'}\npicture: {out / 'textures.png'}")
        talk.say(f"model:   {out / 'textures.aeseg'}")
        talk.say_cost()
    if window and _has_display():
        subprocess.run([sys.executable, "-m", "napari_ae_seg.gui.segment.show", str(out)], check=True)  # noqa: S603 - ourselves


def read_images(images: Sequence[Path], fields: dict[str, Any], ndim: int, talk: Talk) -> Stack:
    """The stack of `images`, read as the options in `fields` say."""
    from napari_ae_seg.images.stack import read

    talk.device()
    spacing = numbers(fields.get("spacing"), float, "spacing")
    channels = numbers(fields.get("channels"), int, "channels")
    with talk.account.stage("read"):
        paths = [str(path) for path in images]
        source = paths[0] if len(paths) == 1 else paths
        stack = read(source, fields.get("axes"), ndim=ndim, spacing=spacing, channels=channels, roi=fields.get("roi"))
    talk.account.facts["images"] = shapes(stack)
    talk.say(stack.assumed)
    return stack


def _fitted(
    stack: Stack,
    network: NetworkConfig,
    training: TrainingConfig | None,
    config: SegmentationConfig,
    finetune: bool,
    talk: Talk,
) -> Segmenter:
    """A segmenter on the shipped encoder, or on one trained on the images, from the shipped one if it is tuned."""
    from napari_ae_seg.segmenter.fit import shipped_for
    from napari_ae_seg.segmenter.segmenter import Segmenter

    model: Autoencoder | None = None
    if training is not None:
        start = shipped_for(stack, config) if finetune else None
        model = train_on(stack, training, network, talk.account, talk.report, start)
    with talk.account.stage("fit"):
        return Segmenter.fit(model, stack, config, talk.report)


def _loaded(
    path: Path, stack: Stack, config: SegmentationConfig, refit: bool, fields: dict[str, Any], talk: Talk
) -> Segmenter:
    """The segmenter in a model file; with `refit`, or if the file holds no clusters, fitted anew to the images."""
    from napari_ae_seg.autoencoder.model import Autoencoder
    from napari_ae_seg.core import modelfile
    from napari_ae_seg.segmenter.segmenter import Segmenter

    with talk.account.stage("load"):
        clustered = modelfile.find(modelfile.peek(path), "is") == "segmenter"
    if clustered and not refit:
        segmenter = Segmenter.load(path)
        asked = given_in(SegmentationConfig, fields)
        refuse(segmenter.config, asked, path.name)
        return segmenter.on(fields.get("device", "auto")).recluster(**asked)
    with talk.account.stage("fit"):
        return Segmenter.fit(Autoencoder.load(path), stack, config, talk.report)


def refuse(own: SegmentationConfig, asked: dict[str, Any], where: str) -> None:
    """Wrong usage if clusters found with `own` cannot give what is `asked` for."""
    named = [name for name in asked if name not in RunConfig.model_fields or asked[name] != getattr(own, name)]
    calls = own.change(own.but(**asked), named)
    if calls.anew:
        flags = ", ".join(flag_of(name) for name in calls.at("encode", "fit"))
        raise typer.BadParameter(
            f"{flags} would cluster anew, but {where} holds clusters: add --refit to do so, or leave {flags} out"
        )


def _guided(segmenter: Segmenter, stack: Stack, strokes: list[Path], talk: Talk) -> Segmenter:
    """The segmenter that learnt from the strokes in files, painted on as many images, the first ones."""
    from napari_ae_seg.images.stack import read

    if len(strokes) > len(stack):
        raise typer.BadParameter(f"--strokes: {len(strokes)} files of strokes, but {len(stack)} image(s)")
    prepared, arrays = [], []
    with talk.account.stage("guide"):
        for number, path in enumerate(strokes):
            painted, shape = read(str(path)).image, stack[number].image.label_shape
            whole = painted.block(0, tuple(slice(0, size) for size in painted.shape[2:]))[0]
            arrays.append((whole.reshape(shape) if whole.size == np.prod(shape) else whole).astype(np.int32))
            prepared.append(segmenter.prepare(stack[number], talk.report))
        return segmenter.guided(prepared, arrays, corrections=False, report=talk.report)


def _label(segmenter: Segmenter, stack: Stack, out: Path, asked: dict[str, Any], talk: Talk) -> None:
    from napari_ae_seg.images.formats.write import write_labels
    from napari_ae_seg.images.formats.zarr import open_zarr_labels

    names = [Path(image.path).name.split(".")[0] if image.path else image.name for image in stack.images]
    paths = [out] if len(stack) == 1 and _is_file(out) else label_paths(names, out)
    tables = []
    for image, path in zip(stack.images, paths, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        with talk.account.stage("label"):
            if path.suffix == ".zarr" and not asked["objects"]:
                with open_zarr_labels(path, image) as array:
                    table = segmenter.apply_to(image, array, talk.report, asked["rescale"]).table
            else:
                segments = segmenter.apply_to(image, None, talk.report, asked["rescale"])
                labels, table = (
                    _parted(segments, image, asked) if asked["objects"] else (segments.labels, segments.table)
                )
                write_labels(path, labels, image)
        tables.append({"image": [image.name] * len(table["index"]), **table})
        talk.say(f"{path}: {_summary(table, bool(asked['objects']))}")
        talk.account.facts.setdefault("labels", []).append({"path": str(path), "table": table})
    if asked["table"]:
        write_table(asked["table"], tables)


def _parted(segments: Segments, image: Image, asked: dict[str, Any]) -> tuple[np.ndarray, dict[str, list[Any]]]:
    """Single objects of the chosen segments, and their table."""
    labels = numbers(asked["object_labels"], int, "object-labels")
    found = segments.objects(image, labels, ObjectsConfig(method=asked["objects"], min_size=asked["object_min_size"]))
    return found.labels, found.table


def _summary(table: dict[str, list[Any]], objects: bool) -> str:
    if objects:
        return f"{len(table['index'])} objects"
    return ", ".join(f"{name} {share:.1%}" for name, share in zip(table["name"], table["share"], strict=True))


def _check_out(images: Sequence[Path], out: Path) -> None:
    """Wrong usage unless `out` can take the labels of `images`."""
    several = len(images) > 1 or (images[0].is_dir() and images[0].suffix != ".zarr")
    if _is_file(out) and several and len(images) > 1:
        raise typer.BadParameter(f"--out: {len(images)} images give a folder of labels, {out.name} names a file")
    if not _is_file(out) and (out.suffix or not several):
        raise typer.BadParameter(f"--out: labels are written as {' '.join(SUFFIXES)}, got {out.name}")


def _is_file(out: Path) -> bool:
    return out.name.lower().endswith(SUFFIXES)


def _has_display() -> bool:
    """Whether napari is installed and a window can be shown."""
    if importlib.util.find_spec("napari") is None:
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))

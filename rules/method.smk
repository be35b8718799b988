# What differs between the methods (`method` of the config): what a model reads of a slide, what it has learned from, and
# the encoders whose features it takes.
import shlex
import sys
from importlib.util import find_spec

from slidemill.errors import ConfigError, SlidemillError
from slidemill.features.exchange.sources import (
    check_foreign_files,
    encoder_of_another_tool,
    foreign_path,
)
from slidemill.features.spec import (
    check_encoder,
    check_together,
    find_encoder,
    own_tiles,
)


def takes_features():
    """Whether the model learns from the features of tiles, and not from their pixels."""
    return METHOD == "probe" or METHOD == "mil" and config["mil"]["input"] == "features"


def encoders_of_config():
    """The encoders that the config names, checked unless a model that was trained before takes none of them."""
    names = config["features"]["encoder"]
    names = [names] if isinstance(names, str) else names
    if config["features"]["from"]:
        check_foreign_files(Path(config["features"]["from"]), COHORT)
        return [encoder_of_another_tool(name) for name in names]
    entries = config["features"]["encoders"]
    encoders = [find_encoder(name, entries) for name in names]
    tile_size, mpp = tiles_of(encoders)
    for encoder in encoders if takes_features() or not TRAINED_MODEL else []:
        check_encoder(encoder, tile_size=tile_size, mpp=mpp)
        if encoder.terms and snakemake_internals.sends_jobs(workflow):
            print(f"Terms of use of {encoder.terms}", file=sys.stderr)
    check_together(encoders, config["features"]["precision"])
    return encoders


def tiles_of(encoders):
    """Side (pixels) and resolution (microns per pixel) of the tiles that encoders get: their own, where the config asks
    for such. With a model that was trained before all tiles are cut as it wants them.
    """
    if config["features"]["tiles"] == "encoder" and not TRAINED_MODEL:
        return own_tiles(encoders)
    return config["tiling"]["tile_size"], config["tiling"]["mpp"]


def python_of_encoders():
    """The Python that runs the encoders: that of PyTorch is in an environment of its own."""
    own = BASE / "envs" / "encoders" / ".venv" / "bin" / "python"
    if all(encoder.kind != "torch" for encoder in ENCODERS) or find_spec("torch"):
        return "python"
    if not own.exists() and snakemake_internals.sends_jobs(workflow):
        raise ConfigError(
            f"config: the encoder {ENCODERS[0].name} needs PyTorch, which has an environment of its own: run "
            f"'make env ENCODERS=torch' in {BASE}."
        )
    return shlex.quote(str(own))


try:
    METHOD = config["method"]
    ENCODERS = encoders_of_config()
    ENCODER_PYTHON = python_of_encoders()
except (SlidemillError, OSError) as error:
    raise in_one_line(error) from None

# The features that a model takes which learns from features.
TAKEN_FEATURES = f"{SHARED}/features/{ENCODERS[0].name}" if takes_features() else None
# Pixels are stored where something reads them; else no tile is encoded.
KEEPS_RECORDS = not TAKEN_FEATURES or config["features"]["source"] == "records"
# Where the indexes of tiles lie: those of `tiling`, those that encoders get, and those that a model learns from and scores.
TILES = f"{SHARED}/tiles"
OWN_TILES = dict(zip(("tile_size", "mpp"), tiles_of(ENCODERS)))
HAS_OWN_TILES = OWN_TILES != {key: config["tiling"][key] for key in OWN_TILES}
FEATURE_TILES = (
    f"{TILES}/{OWN_TILES['tile_size']}px_{OWN_TILES['mpp']:g}mpp"
    if HAS_OWN_TILES
    else TILES
)
METHOD_TILES = FEATURE_TILES if TAKEN_FEATURES else TILES
# What the report tells of the training, in the folder of a run.
LEARNED_FROM = {
    "tiles": "shards/plan.json",
    "probe": "model/probe.json",
    "mil": "model/mil.json",
}[METHOD]


def model_inputs(slides):
    """What a model reads of slides: their features, or their tile records."""
    if TAKEN_FEATURES:
        return expand(f"{TAKEN_FEATURES}/{{slide_id}}.zarr.zip", slide_id=slides)
    return expand(f"{SHARED}/tiles/{{slide_id}}.tfrecord", slide_id=slides)


def features_option(wildcards, input):
    """The folder of features as a command line option of predict_slides, for a model that takes them."""
    return f"--features {folder_of(input.tiles)}" if TAKEN_FEATURES else ""


@called_for_each_job
def foreign_features(wildcards):
    """The file of another tool; a function, so that braces in the folder's name are no wildcards."""
    return str(foreign_path(Path(config["features"]["from"]), wildcards.slide_id))


def exported_folder(wildcards):
    """The folder to make; as in slide_file, the name of a missing input tells what to do."""
    if config["as"] is None:
        return "(a tool to export to: add --config as=trident, as=stamp or as=clam)"
    return f"results/exports/{config['as']}"

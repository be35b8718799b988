# What differs between the methods (`method` of the config): what a model reads of a slide, and what it has learned from.

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

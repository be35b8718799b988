# slidemill: whole-slide images from download to slide-level predictions.
#
#   snakemake --cores 2                     the demo cohort, to results/report.html
#   snakemake -n                            what would run
#   snakemake select_slides --cores 1 --configfile cohorts/tcga_lung.yaml
#   snakemake features --cores 2            features of every tile of every slide
#   snakemake hard_negatives --cores 2      train tiles that the model got wrong, for another training
#   snakemake export_annotations --cores 2  annotations of any format for QuPath
#   snakemake compare --cores 1 --config compare='{a: results, b: results/experiments/other}'
#   snakemake export_onnx --cores 2         the trained model for ONNX Runtime and TensorRT
#   snakemake export_savedmodel --cores 2   the same for TensorFlow Serving
#   snakemake score --cores 2 --config slides=my_slides.tsv model=results/model/model.keras
#   snakemake serve --cores 2 --config model=results/model/model.keras
#   snakemake view --cores 2                the cohort and its results in a browser
#   snakemake deploy_endpoint --profile sagemaker --config model=results/model/model.keras
from pathlib import Path

from snakemake.utils import min_version

min_version("9.19")


configfile: Path(workflow.basedir) / "config.yaml"


include: "rules/environment.smk"
include: "rules/cohort.smk"
include: "rules/files.smk"
include: "rules/method.smk"
include: "rules/slide_classifier.smk"
include: "rules/places.smk"
include: "rules/options.smk"
include: "rules/groups.smk"
include: "rules/resources.smk"
include: "rules/select.smk"
include: "rules/compare.smk"


# Without a slide sheet there is only the rule that makes one.
if not SHEET_TO_SELECT:

    include: "rules/acquire.smk"
    include: "rules/annotations.smk"
    include: "rules/patches.smk"
    include: "rules/encoders.smk"
    include: "rules/features.smk"

    if config["features"]["from"]:

        include: "rules/import_features.smk"

    else:

        include: "rules/tile.smk"
    include: "rules/export_features.smk"
    include: "rules/export_annotations.smk"
    include: "rules/exports.smk"
    include: "rules/export.smk"
    include: "rules/sagemaker.smk"

    if TRANSFORMS:

        include: "rules/transform.smk"

    else:

        include: "rules/predict.smk"
    include: "rules/heatmap.smk"
    include: "rules/score.smk"
    include: "rules/serve.smk"
    include: "rules/view.smk"
    include: "rules/deploy.smk"


# With a model that was trained before nothing is trained, so the rules that could replace it are not even there.
if TRAINED_MODEL is None and not SHEET_TO_SELECT:

    include: "rules/split.smk"
    include: "rules/label.smk"

    if IS_PATCHED:

        include: "rules/tile_patches.smk"

    if slide_classifiers():

        include: "rules/fit_slide_classifier.smk"

    if METHOD == "probe":

        include: "rules/probe.smk"

    elif METHOD == "mil":

        include: "rules/mil.smk"

    else:

        include: "rules/shard.smk"
        include: "rules/channels.smk"
        include: "rules/train.smk"
    include: "rules/evaluate.smk"
    include: "rules/localise.smk"
    include: "rules/report.smk"


rule all:
    default_target: True
    input:
        final_outputs,


localrules:
    all,


onerror:
    print(failed_jobs(), end="", file=sys.stderr)

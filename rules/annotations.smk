# What the rules ask of annotations: which file is whose, and what its regions mean.
import json
import shlex

# Whether tiles are trained and judged as the class of their region.
LABELLED_BY_REGION = config["labels"]["from"] == "annotations"
# Whether annotations are read at all: also where a model of slides is asked whether it finds what they outline.
ANNOTATED = LABELLED_BY_REGION or config["localisation"]["class"] is not None
# Whether there are train tiles of the rest, and one model that may take them for something else.
LISTS_HARD_NEGATIVES = (
    bool(LABELLED_BY_REGION and config["labels"]["rest"] and RESULTS in RUNS)
    and not TRAINED_MODEL
)
# How many tiles of each class every slide has.
TILE_LABELS = f"{RESULTS}/tile_labels.tsv"


def has_drawn_lesions(slide):
    """Whether the outlines of what is drawn on the slide are its annotations."""
    return slide.annotation is None and "+" in (slide.synthetic or "")


def exported_annotations(wildcards):
    """A file for each annotated slide; as in slide_file, the name of a missing input tells what to do."""
    slides = [
        name
        for name, slide in COHORT.items()
        if slide.annotation or has_drawn_lesions(slide)
    ]
    if not slides:
        return f"(no annotated slide in {SHEET}: name files in its column 'annotation')"
    return [f"{SHARED}/exports/annotations/{slide_id}.geojson" for slide_id in slides]


@called_for_each_job
def annotation_file(wildcards):
    """The slide's annotations: where the user keeps them, or drawn with the slide."""
    slide = COHORT[wildcards.slide_id]
    if has_drawn_lesions(slide):
        return f"results/slides/{wildcards.slide_id}.xml"
    return unless_in_place(slide.annotation)


@called_for_each_job
def annotation_option(wildcards, input):
    """The slide's annotations as a command line option, where there are any."""
    own = read_in_place(COHORT[wildcards.slide_id].annotation)
    file = own or str(input.annotation or "")
    return f"--annotation {shlex.quote(file)}" if file else ""


@called_for_each_job
def annotation_content(wildcards):
    """What annotations of the user's own hold, in short."""
    slide_id = wildcards.slide_id
    return content_in_place(f"annotation of {slide_id}", COHORT[slide_id].annotation)


@called_for_each_job
def part_option(wildcards):
    """Whether not all of the slide is annotated, as a command line option."""
    return "--in-part" if is_annotated_in_part(COHORT[wildcards.slide_id]) else ""


def is_annotated_in_part(slide):
    """Nothing is known of what is not annotated: where the sheet says so, and on a slide of another class than the rest
    that has no annotations at all."""
    has_none = slide.annotation is None and not has_drawn_lesions(slide)
    return slide.annotated == "part" or (
        has_none and slide.label != config["labels"]["rest"]
    )


def region_options():
    """Which regions are of which class, as command line options."""
    labels = config["labels"]
    names = (repeated_option(key, labels[key]) for key in ("without", "ignore"))
    return " ".join([f"--classes {shlex.quote(json.dumps(labels['classes']))}", *names])


def tile_labels(slides):
    """The labels of the tiles of slides, where annotations are read."""
    return (
        expand(f"{RESULTS}/labels/{{slide_id}}.zarr.zip", slide_id=slides)
        if ANNOTATED
        else []
    )


def trained_labels(slides):
    """The labels of the tiles of slides, where they are trained as these say."""
    return tile_labels(slides) if LABELLED_BY_REGION else []


def labels_option(wildcards, input):
    """Where labels of tiles are, as a command line option."""
    return f"--labels {folder_of(input.labels)}" if input.labels else ""


def label_options(is_asked):
    """What share of a tile makes its label, as command line options."""
    return options("labels", "at_least", "rest", "rest_at_most") if is_asked else ""


def judge_option():
    """By what tiles are judged, as a command line option of evaluate."""
    learns_classes_of_tiles = LABELLED_BY_REGION or IS_PATCHED
    return "--tiles-as annotations" if learns_classes_of_tiles and ANNOTATED else ""


def hard_negatives(wildcards):
    """The list to make; as in slide_file, the name of a missing input tells what to do."""
    if LISTS_HARD_NEGATIVES:
        return f"{RESULTS}/hard_negatives.tsv"
    return "(a model that learned from annotations: set labels.from: annotations and a labels.rest, and no split.folds)"


def froc_outputs():
    """What is made where lesions are looked for."""
    names = ("froc.json", "detections.tsv") if config["localisation"]["class"] else ()
    return [f"{RESULTS}/evaluation/{name}" for name in names]


def froc_option(wildcards, input):
    """How lesions were found, as a command line option of the report."""
    return f"--froc {shlex.quote(str(input.froc))}" if input.froc else ""


def tile_labels_option(wildcards, input):
    """How many tiles of each class there are, as a command line option of the report."""
    return (
        f"--tile-labels {shlex.quote(str(input.tile_labels))}"
        if input.tile_labels
        else ""
    )


def localised_slides(wildcards):
    """Each test slide with the folder of its predictions and its outlines, as command line options."""
    in_part = [name for name in TESTED_IN if is_annotated_in_part(COHORT[name])]
    return repeated_option("in-part", in_part) + " ".join(
        f" --slide {shlex.quote(slide_id)} {shlex.quote(f'{run}/predictions')}"
        f" {shlex.quote(f'{RESULTS}/outlines/{slide_id}.geojson')}"
        for slide_id, run in TESTED_IN.items()
    )


@called_for_each_job
def outlines_file(wildcards):
    """The outlines of the slide's annotated classes, where the config asks for them."""
    is_annotated = ANNOTATED and TRAINED_MODEL is None
    return f"{RESULTS}/outlines/{wildcards.slide_id}.geojson" if is_annotated else []


@called_for_each_job
def outlines_option(wildcards, input):
    """Where they are, as a command line option."""
    return f"--outlines {shlex.quote(input.outlines)}" if input.outlines else ""

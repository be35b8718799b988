# What the rules ask of encoders, and of the features that they give.


def feature_files(slides):
    """The features of slides by each encoder."""
    return expand(
        f"{SHARED}/features/{{encoder}}/{{slide_id}}.zarr.zip",
        encoder=[encoder.name for encoder in ENCODERS],
        slide_id=slides,
    )


def feature_batches():
    """All slides in batches, one for each job; none where another tool has encoded them."""
    if config["features"]["from"]:
        return []
    slides, size = list(COHORT), config["features"]["slides_per_job"]
    return [slides[start : start + size] for start in range(0, len(slides), size)]


def pixel_files(slides):
    """Where the pixels of slides come from."""
    if config["features"]["source"] == "records":
        return expand(f"{SHARED}/tiles/{{slide_id}}.tfrecord", slide_id=slides)
    return [file_of_slide(slide_id) for slide_id in slides if not own_path(slide_id)]


def slide_options(slides, files):
    """Slides and their files, as command line options of extract_features."""
    reads_slides = config["features"]["source"] != "records"
    files = iter(files)
    return " ".join(
        f"--slide {shlex.quote(slide_id)} {shlex.quote(str(reads_slides and own_path(slide_id) or next(files)))}"
        for slide_id in slides
    )


def encoder_options(wildcards, input, output):
    """Encoders and the folders of their features, and the files of their weights where this job finds them."""
    size = len(output) // len(ENCODERS)
    folders = [Path(output[number * size]).parent for number in range(len(ENCODERS))]
    stored = iter(input.encoders)
    files = {
        name: read_in_place(file) or next(stored)
        for name, file in ENCODER_FILES.items()
    }
    entries = {
        name: entry | ({"file": str(files[name])} if name in files else {})
        for name, entry in config["features"]["encoders"].items()
    }
    named = " ".join(
        f"--encoder {shlex.quote(encoder.name)} {shlex.quote(str(folder))}"
        for encoder, folder in zip(ENCODERS, folders)
    )
    return f"{named} --entries {shlex.quote(json.dumps(entries))}"


# What the user gives of each encoder: its weights, or all of it.
ENCODER_FILES = {
    encoder.name: str(encoder.file) for encoder in ENCODERS if encoder.file
}


def encoder_facts():
    """What the user's entries say of encoders: compared with the last run's, as what takes inputs is not."""
    entries = config["features"]["encoders"].items()
    kept = {
        name: {key: value for key, value in entry.items() if key != "file"}
        for name, entry in entries
    }
    return json.dumps(kept, sort_keys=True)

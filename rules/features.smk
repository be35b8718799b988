# Features of every tile of every slide by pretrained encoders. As in predict.smk there is a rule for each batch of slides;
# a profile speaks of them all as `extract_features`.


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


rule features:
    input:
        feature_files(COHORT),
    localrule: True


for number, batch in enumerate(feature_batches()):

    rule:
        name:
            f"extract_features_{number}"
        input:
            pixels=pixel_files(batch),
            stores=expand(f"{SHARED}/tiles/{{slide_id}}.zarr.zip", slide_id=batch),
            encoders=[
                file for file in ENCODER_FILES.values() if not read_in_place(file)
            ],
        output:
            feature_files(batch),
        log:
            f"{SHARED_LOGS}/extract_features/{number}.log",
        benchmark:
            f"{SHARED}/benchmarks/extract_features/{number}.tsv"
        conda:
            "../envs/features.yaml"
        threads: set_threads(workflow, "extract_features", otherwise=2)
        resources:
            **{
                "mem_mb": features_memory,
                "runtime": 240,
                # No param: how many tiles are encoded at once does not decide on features.
                "batch": options("features", "batch_size"),
                "scratch": options(None, "scratch"),
                # Nor this: other machines have it elsewhere.
                "python": ENCODER_PYTHON,
                **set_resources(workflow, "extract_features"),
            },
        params:
            script=script("extract_features.py"),
            slides=lambda wildcards, input, batch=batch: slide_options(
                batch, input.pixels
            ),
            tiles=lambda wildcards, input: folder_of(input.stores),
            encoders=encoder_options,
            encoders_content=[
                content_in_place(f"features.encoders.{name}.file", file)
                for name, file in ENCODER_FILES.items()
            ],
            kept=f"{SHARED}/checkpoints/features",
            features=options("features", "source", "device", "precision"),
        shell:
            "{resources.python} {params.script} {params.slides} --tiles {params.tiles} {params.encoders} {params.features}"
            " --threads {threads} {resources.batch} {resources.scratch} --kept {params.kept:q}"
            " &> {log:q}"

    snakemake_internals.forget_command(workflow, f"extract_features_{number}")

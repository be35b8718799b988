# Patches at listed places, for `labels.from: patches`: what is trained on in the place of all tiles of the train and
# validation slides. Slides are scored on all of their tiles as ever.

PATCHES = f"{RESULTS}/patches"
IS_PATCHED = bool(LISTED_PATCHES)
# Slides whose patches are learned from in some run.
PATCHED_SLIDES = [
    slide_id
    for slide_id in LISTED_PATCHES
    if any(splits[slide_id] != "test" for splits in RUNS.values())
]
# Where the tiles lie that are learned from, and what is known of their slides.
LEARNED_TILES = PATCHES if IS_PATCHED else METHOD_TILES
LEARNED_SLIDES = PATCHED_SLIDES if IS_PATCHED else COHORT
LEARNED_SPLITS = f"{RUN}/patches.tsv" if IS_PATCHED else f"{RUN}/splits.tsv"


def learned_labels():
    """The labels of the tiles that are learned from, where they are not those of their slides."""
    if IS_PATCHED:
        return expand(
            f"{PATCHES}/labels/{{slide_id}}.zarr.zip", slide_id=PATCHED_SLIDES
        )
    return trained_labels(COHORT)


@called_for_each_job
def patch_options(wildcards, input):
    """Where patches are listed, as command line options; as a param with `input`, not compared, as in `script`."""
    lists = patch_files()
    if isinstance(lists, Path):
        return f"--patches {shlex.quote(str(lists))}"
    return " ".join(
        f"--patch-list {shlex.quote(name)} {shlex.quote(str(file))}"
        for name, files in lists.items()
        for file in files
    )


@called_for_each_job
def patch_content(wildcards):
    """The patches of a slide, in short; compared."""
    patches = LISTED_PATCHES[wildcards.slide_id]
    return digest_of([patches.centres.tolist(), patches.labels.tolist()])


if IS_PATCHED and TRAINED_MODEL is None:

    rule tile_patches:
        input:
            slide=slide_file,
        output:
            records=f"{PATCHES}/{{slide_id}}.tfrecord" if KEEPS_RECORDS else [],
            store=f"{PATCHES}/{{slide_id}}.zarr.zip",
            labels=f"{PATCHES}/labels/{{slide_id}}.zarr.zip",
        log:
            f"{LOGS}/tile_patches/{{slide_id}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/tile_patches/{{slide_id}}.tsv"
        group:
            packed("slides")
        conda:
            "../envs/slides.yaml"
        threads: 2
        resources:
            mem_mb=slide_memory,
            runtime=slide_minutes,
            scratch=options(None, "scratch"),  # no param, as in tile_slide
        params:
            script=script("tile_patches.py"),
            file=slide_path,
            content=slide_content,
            slide=sheet_options,
            tiling=tiling_options(OWN_TILES if TAKEN_FEATURES else {}),
            patches=patch_options,
            patches_content=patch_content,
            classes=class_options(),
        shell:
            "python {params.script} --slide {params.file} {params.slide} {params.tiling} {params.patches} {params.classes}"
            " --threads {threads} {resources.scratch} --store {output.store:q} --labels {output.labels:q}"
            " {output.records:q} &> {log:q}"

    rule count_patches:
        input:
            splits=f"{RUN}/splits.tsv",
            stores=expand(f"{PATCHES}/{{slide_id}}.zarr.zip", slide_id=PATCHED_SLIDES),
        output:
            f"{RUN}/patches.tsv",
        log:
            of_run(f"{LOGS}/count_patches.log"),
        benchmark:
            of_run(f"{RESULTS}/benchmarks/count_patches.tsv")
        conda:
            "../envs/slides.yaml"
        params:
            script=script("count_patches.py"),
            patches=lambda wildcards, input: folder_of(input.stores),
            exclude=exclude_options(),
        shell:
            "python {params.script} --splits {input.splits:q} --patches {params.patches} {params.exclude}"
            " --output {output:q} &> {log:q}"

# What the rules for SageMaker ask for: its settings, which the profile has, and the model.
import shlex
import sys

# Whether tiles are scored by a batch transform of SageMaker, and not by jobs of the workflow. Only the Snakemake that the
# user started plans that; those that run its jobs ask for none of these rules.
TRANSFORMS = "batch_transform" in sys.argv[1:]


def needs_sagemaker(wildcards):
    """Nothing, where there is SageMaker; as in slide_file, the name of a missing input tells what to do."""
    prefix = snakemake_internals.storage_prefix(workflow)
    return (
        []
        if prefix and prefix.startswith("s3://")
        else "(the settings of SageMaker: add --profile sagemaker)"
    )


def model_in_use(wildcards):
    """The model that goes to SageMaker."""
    return own_file(TRAINED_MODEL) if TRAINED_MODEL else missing_model(wildcards)


def transformed(wildcards):
    """What a batch transform gives in the end."""
    if TRAINED_MODEL and METHOD != "tiles":
        return f"(a model of tiles: batch transform hands out tiles one by one, and method {METHOD} takes features; run 'snakemake score')"
    return score_outputs(wildcards)


def stored_model_options(wildcards, input):
    """The model, where it lies, and what of the config goes with it, as command line options; with `input`, not compared,
    as in `script`.
    """
    return (
        f"--model {shlex.quote(str(input.model))} --use {shlex.quote(serving_use())}"
        f" --model-address {shlex.quote(storage_address(TRAINED_MODEL))}"
    )


def project_options(wildcards, input):
    """The settings of SageMaker that jobs have as well, as command line options; none in a dry run."""
    raw = snakemake_internals.executor_settings(workflow)
    if raw is None:
        return ""
    # Here, because boto3 takes a moment to import.
    from snakemake_executor_plugin_sagemaker.settings import check

    settings = check(raw, snakemake_internals.storage_prefix(workflow))
    single = {
        "role": settings.role,
        "image": settings.image,
        "region": settings.region,
        "staging": str(settings.staging),
        "poll-seconds": snakemake_internals.seconds_between_status_checks(workflow),
    }
    tags = (
        f"--tag {shlex.quote(key)} {shlex.quote(value)}"
        for key, value in settings.tags.items()
    )
    return " ".join(
        [
            *(
                f"--{name} {shlex.quote(str(value))}"
                for name, value in single.items()
                if value is not None
            ),
            repeated_option("subnet", settings.subnets),
            repeated_option("security-group", settings.security_groups),
            *tags,
        ]
    )

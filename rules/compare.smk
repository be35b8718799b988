# Two finished runs, compared on the slides that both have tested: snakemake compare --config compare='{a: ..., b: ...}'.


def compared(name):
    """What evaluation left in each of the two results folders; as in slide_file, the name of a missing input tells more."""
    folders = [config["compare"][key] for key in ("a", "b")]
    if None in folders:
        return "(two results folders: set compare.a and compare.b in the config)"
    return [str(Path(folder) / "evaluation" / name) for folder in folders]


rule compare:
    input:
        metrics=compared("metrics.json"),
        slides=compared("slides.tsv"),
    output:
        page=report(
            "results/comparison/comparison.html",
            caption="../docs/captions/comparison.rst",
            category="Comparison",
        ),
        differences="results/comparison/comparison.tsv",
        document="results/comparison/comparison.json",
    log:
        "logs/compare.log",
    benchmark:
        "results/benchmarks/compare.tsv"
    localrule: True
    conda:
        "../envs/evaluation.yaml"
    params:
        script=script("compare.py"),
        runs=options("compare", "a", "b"),
        output=lambda wildcards, output: folder_of([output.page]),
    shell:
        "python {params.script} {params.runs} --output {params.output} 2>&1 | tee {log:q}"

# Two finished runs, compared on the slides that both have tested: snakemake compare --config compare='{a: ..., b: ...}'.


rule compare:
    input:
        compared,
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
        contents=compared_contents,
        runs=options("compare", "a", "b"),
        output=lambda wildcards, output: folder_of([output.page]),
    shell:
        "python {params.script} {params.runs} --output {params.output} 2>&1 | tee {log:q}"

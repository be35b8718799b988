# New slides, scored by a model that was trained before; no labels needed.


rule score:
    input:
        score_outputs,
    localrule: True


rule score_slides:
    input:
        sheet=f"{RESULTS}/slides.tsv",  # a path, as in assign_splits
        predictions=SCORES,
        classifier=unless_in_place(CLASSIFIER_OF_MODEL),
    output:
        f"{RESULTS}/scores.tsv",
    log:
        f"{LOGS}/score_slides.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_slides.tsv"
    conda:
        "../envs/evaluation.yaml"
    params:
        script=script("score_slides.py"),
        predictions=lambda wildcards, input: folder_of(input.predictions),
        evaluation=options("evaluation", "aggregation", "top_k"),
        classifier=classifier_of_model,
        classifier_content=content_in_place("slide classifier", CLASSIFIER_OF_MODEL),
    shell:
        "python {params.script} --slides {input.sheet:q} --predictions {params.predictions}"
        " {params.evaluation} {params.classifier} --output {output:q} &> {log:q}"

# Ask the GDC for a cohort: on demand, and never when there is a slide sheet already, which may have been edited.


rule select_slides:
    input:
        local(SHEET),
    localrule: True


if SHEET_TO_SELECT:

    rule query_gdc:
        output:
            sheet=local(SHEET),
            manifest=local(beside_sheet(SHEET)[0]),
            left_out=local(beside_sheet(SHEET)[1]),
        log:
            "logs/query_gdc.log",
        benchmark:
            "results/benchmarks/query_gdc.tsv"
        localrule: True  # where the network is
        conda:
            "../envs/download.yaml"
        params:
            script=script("select_slides.py"),
            classes=class_options(),
            select=select_options(),
            server=server_options(),
        shell:
            "python {params.script} {params.classes} {params.select} {params.server} --sheet {output.sheet:q}"
            " --manifest {output.manifest:q} --left-out {output.left_out:q} 2>&1 | tee {log:q}"

    # Everything else needs the sheet.
    rule without_sheet:
        input:
            sheet_that_is_missing,
        output:
            "results/{anything}",

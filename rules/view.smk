# The cohort and its results in a browser, until Ctrl-C: snakemake view --cores 2. It reads what is there, so it has no
# inputs: it may be started, and go on, while another Snakemake makes the rest.
import json
import os
import shlex

END_OF_VIEWER = Path(".snakemake/slidemill").absolute() / f"view-{os.getpid()}.end"
snakemake_internals.end_by_sigterm("view", END_OF_VIEWER)
snakemake_internals.leave_locks_of_others()


rule view:
    log:
        f"{LOGS}/view.log",
    localrule: True
    conda:
        "../envs/viewing.yaml"
    threads: 64  # or as many as there are cores
    params:
        script=script("view.py"),
        places=f"--results {shlex.quote(RESULTS)} --shared {shlex.quote(SHARED)}",
        sheet=str(SHEET),
        config=json.dumps(config),
        viewing=options("viewing", "host", "port", "notes_by"),
        reader=options("tiling", "reader"),
        until=shlex.quote(str(END_OF_VIEWER)),
    shell:
        # The link on stdout has a token, which is not for the log.
        "python {params.script} --sheet {params.sheet:q} {params.places} --config {params.config:q}"
        " {params.viewing} {params.reader} --until {params.until} --threads {threads} 2> >(tee {log:q} >&2)"

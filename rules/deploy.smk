# A trained model in use on SageMaker, by its endpoint; and what of a project costs money there.


rule deploy_endpoint:
    input:
        settings=needs_sagemaker,
        model=model_in_use,
    log:
        f"{SHARED_LOGS}/deploy_endpoint.log",
    localrule: True  # it waits, and no more
    conda:
        "../envs/sagemaker.yaml"
    resources:
        sagemaker_instance_type="ml.c5.xlarge",
        sagemaker_instance_count=1,
    params:
        script=script("deploy_endpoint.py"),
        project=project_options,
        model=stored_model_options,
        endpoint=options("endpoint", "name", "kind", "max_instances", "target"),
        slides=options("serving", "slides"),
    shell:
        "python {params.script} {params.project} {params.model} {params.endpoint} {params.slides}"
        " --instance-type {resources.sagemaker_instance_type} --instances {resources.sagemaker_instance_count}"
        " 2>&1 | tee -i {log:q}"


rule delete_endpoint:
    input:
        needs_sagemaker,
    log:
        f"{SHARED_LOGS}/delete_endpoint.log",
    localrule: True
    conda:
        "../envs/sagemaker.yaml"
    params:
        script=script("delete_endpoint.py"),
        project=project_options,
        endpoint=options("endpoint", "name"),
    shell:
        "python {params.script} {params.project} {params.endpoint} 2>&1 | tee -i {log:q}"


rule list_costs:
    input:
        needs_sagemaker,
    log:
        f"{SHARED_LOGS}/list_costs.log",
    localrule: True
    conda:
        "../envs/sagemaker.yaml"
    params:
        script=script("list_costs.py"),
        project=project_options,
    shell:
        "python {params.script} {params.project} 2>&1 | tee -i {log:q}"


rule stop_costs:
    input:
        needs_sagemaker,
    log:
        f"{SHARED_LOGS}/stop_costs.log",
    localrule: True
    conda:
        "../envs/sagemaker.yaml"
    params:
        script=script("stop_costs.py"),
        project=project_options,
    shell:
        "python {params.script} {params.project} 2>&1 | tee -i {log:q}"

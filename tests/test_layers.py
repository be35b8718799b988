"""Who may import whom (docs/architecture.md): lower layers never import upper ones."""

import ast
import graphlib
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "src" / "slidemill"
LAYERS = [
    {"errors", "atomic", "seeds"},
    {"placeholder", "machine", "lifeline", "locks", "contents", "atomic_folder"},
    {"names"},
    {"locations", "schema"},
    {"units", "world", "zarr_zip", "command", "launch", "scratch", "kept", "hashing", "onnx_session"},
    {"slides", "records"},
    {"cohort", "tiling"},
    {"annotations"},
    {"splits", "features", "sampling"},
    {"sharding"},
    {"training"},
    {"classifier"},
    {"probe", "mil"},
    {"inference"},
    {"evaluation"},
    {"reporting", "export"},
    {"web"},
    {"serving", "viewing"},
    {"config"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = {"tensorflow", "keras", "horovod"}
# Each kind of encoder brings its own library, and only the encoder that is asked for is imported.
ENCODER_LIBRARIES = {"torch", "timm", "safetensors", "onnx", "onnxruntime"}
ONNX_ELSEWHERE = {("onnxruntime", "onnx_session"), ("onnx", "inference"), ("onnx", "export"), ("onnxruntime", "export")}
MODULES = sorted(LIBRARY.rglob("*.py"))
PLUGIN = LIBRARY.with_name("snakemake_executor_plugin_sagemaker")
PLUGIN_MODULES = sorted(PLUGIN.rglob("*.py"))
# What brings models to SageMaker knows both.
DEPLOYMENT_MODULES = sorted(LIBRARY.with_name("slidemill_sagemaker").rglob("*.py"))
NOT_OF_PLUGIN = ("slidemill", "slidemill_sagemaker", "snakemake")


def imported(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            yield str(node.module)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(LIBRARY)))
def test_imports_point_downwards(module):
    own = module.relative_to(LIBRARY).parts[0].removesuffix(".py")
    names = list(imported(module))
    for name in names:
        top, _, rest = name.partition(".")
        assert not top.startswith("snakemake")
        assert top != "slidemill_sagemaker"
        assert (
            top not in HEAVY
            or own in ("training", "classifier", "mil", "inference", "export")
            or module.name == "keras_encoder.py"
        )
        assert top not in ENCODER_LIBRARIES or own == "features" or (top, own) in ONNX_ELSEWHERE
        if top == "slidemill" and rest:
            below = rest.split(".")[0]
            assert own == below or LEVEL[below] < LEVEL[own], f"{own} imports {below}"


def test_no_modules_import_each_other():
    """Neither directly nor through others, also not inside of functions."""
    modules = {dotted_name(module): module for module in MODULES + PLUGIN_MODULES + DEPLOYMENT_MODULES}
    graph = {name: modules.keys() & set(imported(module)) for name, module in modules.items()}
    graphlib.TopologicalSorter(graph).prepare()  # a CycleError names those of a circle


def dotted_name(module):
    parts = module.relative_to(LIBRARY.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_executor_plugin_stands_alone():
    for module in PLUGIN_MODULES:
        assert [name for name in imported(module) if name.partition(".")[0] in NOT_OF_PLUGIN] == []


def test_what_deploys_models_imports_nothing_of_snakemake():
    for module in DEPLOYMENT_MODULES:
        assert not {"snakemake", *HEAVY} & {name.partition(".")[0] for name in imported(module)}


def test_modules_are_small():
    assert [
        m.name for m in MODULES + PLUGIN_MODULES + DEPLOYMENT_MODULES if len(m.read_text().splitlines()) > 300
    ] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(LIBRARY)))
def test_no_graph_is_made_by_rewriting_sources(module):
    """That takes seconds at each start: see `slidemill.training.backend.as_graph` and `unconverted`."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tf.function":
            assert "autograph=False" in [ast.unparse(keyword).replace(" ", "") for keyword in node.keywords]

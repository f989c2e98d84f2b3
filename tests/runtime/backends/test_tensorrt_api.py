"""What cgconv uses of TensorRT and of cuda-bindings is what their real bindings offer, name by name.

PyPI has TensorRT's binding without its libraries, which it needs only to be there when it is imported: three small ones
are compiled here. What is used is found in our source with the typing stubs as the map (mypy holds the code to the
stubs; this holds the stubs to the truth). Then every used name is made wrong in turn, and that must be noticed.
"""

from __future__ import annotations

import ast
import copy
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from api_use import Api, Function, Use, find_use, read_stub, signatures_of, type_of_property
from fake_nvidia import FakeGpu, cuda_module
from fake_tensorrt import tensorrt_module
from places import ROOT

SOURCES = [
    ROOT / "runtime" / "backends" / "engines" / f"{name}.py"
    for name in ("cuda_runtime", "log", "build", "runner", "backend")
]
STUBS = {
    "tensorrt": ROOT / "stubs" / "tensorrt" / "__init__.pyi",
    "cuda.bindings.runtime": ROOT / "stubs" / "cuda" / "bindings" / "runtime.pyi",
}
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")
FUNCTIONS = (  # all that the binding wants from them in order to be imported
    "createInferBuilder_INTERNAL createInferRefitter_INTERNAL createInferRuntime_INTERNAL "
    "createNvOnnxParserRefitter_INTERNAL createNvOnnxParser_INTERNAL getBuilderPluginRegistry getNvOnnxParserVersion "
    "getPluginRegistry initLibNvInferPlugins"
)
DUMP = """
import json, inspect, sys
import tensorrt_bindings as library

found = {}
def describe(kind, name):
    entry = found[name] = {"members": sorted(getattr(kind, "__members__", {})), "methods": {}, "properties": {}}
    for part in dir(kind):
        value = inspect.getattr_static(kind, part)
        if isinstance(value, type) and value.__module__.startswith("tensorrt") and part[0] != "_" and part != name:
            describe(value, f"{name}.{part}")
        elif isinstance(value, property):
            entry["properties"][part] = [value.fget.__doc__ or "", value.fset is not None]
        elif callable(getattr(kind, part)) and (part[:2] != "__" or part in ("__init__", "__len__", "__getitem__")):
            entry["methods"][part] = getattr(kind, part).__doc__ or ""
for name, value in vars(library).items():
    if isinstance(value, type):
        describe(value, name)
json.dump({"version": library.__version__, "classes": found}, sys.stdout)
"""


@pytest.fixture(scope="session")
def binding(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """TensorRT's real binding, as its docstrings describe it."""
    if importlib.util.find_spec("tensorrt_bindings") is None:
        pytest.skip(
            "TensorRT's binding (tensorrt-cu13-bindings) is not installed: PyPI has it for Linux on x86-64 only"
        )
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: install gcc (Debian: apt-get install gcc) to hold the code to TensorRT's real API")
    folder = tmp_path_factory.mktemp("libraries")
    source = folder / "empty.c"
    source.write_text("\n".join(f"void *{name}(void) {{ return 0; }}" for name in FUNCTIONS.split()))
    for name in LIBRARIES:
        file = f"lib{name}.so.11"
        command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{file}", "-o", str(folder / file), str(source)]
        subprocess.run(command, check=True, capture_output=True)
    child = subprocess.run(
        [sys.executable, "-c", DUMP],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    dumped = json.loads(child.stdout)
    assert dumped["version"].startswith("11.4.")
    api = Api(constants={"__version__"})
    for name, entry in dumped["classes"].items():
        api.classes.add(name)
        api.members.update(f"{name}.{member}" for member in entry["members"])
        for method, doc in entry["methods"].items():
            if overloads := signatures_of(doc, method):
                api.functions[f"{name}.{method}"] = overloads
        for part, (doc, is_writable) in entry["properties"].items():
            api.attributes[f"{name}.{part}"] = (type_of_property(doc), is_writable)
    return api


@pytest.fixture(scope="session")
def cuda_binding() -> Api:
    """cuda-bindings's real binding: importing it needs neither a GPU nor a driver."""
    if importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.bindings") is None:
        pytest.skip("cuda-bindings is not installed: pip install 'cgconv[tensorrt]' or cuda-bindings")
    from cuda.bindings import runtime

    api = Api()
    for name, value in vars(runtime).items():
        if isinstance(value, type):
            api.classes.add(name)
            api.members.update(f"{name}.{member}" for member in getattr(value, "__members__", {}))
            for part in dir(value):
                if not part.startswith("_"):
                    api.attributes[f"{name}.{part}"] = ("", True)
            if hasattr(value, "__int__"):
                api.functions[f"{name}.__int__"] = [Function((), "int")]
        elif isinstance(value, int):
            api.constants.add(name)
        elif callable(value) and (doc := value.__doc__):
            api.functions[name] = [_cuda_signature(doc)]
    return api


def _cuda_signature(doc: str) -> Function:
    """Return the signature that Cython wrote down, e.g. cudaHostAlloc(size_t size, unsigned int flags)."""
    inside = doc.partition("(")[2].partition(")")[0]
    names = [part.split(":")[0].split("=")[0].split()[-1] for part in inside.split(",") if part.strip()]
    section = doc.partition("Returns\n    -------\n")[2]
    results = 0
    for line in section.splitlines():
        if not line.strip():
            break
        results += line.startswith("    ") and not line.startswith("     ")
    return Function(tuple((name, "", False) for name in names), str(results))


@pytest.fixture(scope="session")
def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in SOURCES]


def problems(use: Use, stub: Api, real: Api) -> list[str]:
    """Return what is wrong: with the code by the stub, and with the stub by the real binding."""
    found = list(use.problems)
    found += [
        f"{name}: in the stub, but nothing uses it"
        for name in sorted(stub.names() - set(use.names))
        if "__" not in name
    ]
    for name in use.names:
        found += list(_differences(name, use, stub, real))
    return found


def _differences(name: str, use: Use, stub: Api, real: Api) -> Iterator[str]:
    if name in stub.classes and name not in real.classes:
        yield f"there is no class {name}"
    if name in stub.members and name not in real.members:
        yield f"there is no enum member {name}"
    if name in stub.constants and name not in real.constants:
        yield f"there is no constant {name}"
    if name in stub.attributes:
        if name not in real.attributes:
            yield f"there is no attribute {name}"
        else:
            (said, _), (kind, is_writable) = stub.attributes[name], real.attributes[name]
            if kind and not _same_type(said, kind):
                yield f"{name} is {kind}, the stub says {said}"
            if name in use.written and not is_writable:
                yield f"{name} cannot be set"
    if name in stub.functions:
        if name not in real.functions:
            yield f"there is no function {name}"
            return
        (said_function,) = stub.functions[name]
        if not any(_fits(said_function, overload) for overload in real.functions[name]):
            yield f"{name}: {said_function} is none of {real.functions[name]}"
        if name in use.overridden and use.overridden[name] != tuple(part[0] for part in said_function.parameters):
            yield f"{name} is overridden with the parameters {use.overridden[name]}"


def _fits(said: Function, real: Function) -> bool:
    """Say whether a call as the stub describes it is a call of this overload."""
    given, rest = real.parameters[: len(said.parameters)], real.parameters[len(said.parameters) :]
    return (
        [part[0] for part in said.parameters] == [part[0] for part in given]
        and all(
            not kind or _same_type(wanted, kind)
            for (_, wanted, _), (_, kind, _) in zip(said.parameters, given, strict=True)
        )
        and all(has_default for _, _, has_default in rest)
        and _same_result(said.returns, real.returns)
    )


def _same_result(said: str, real: str) -> bool:
    if real.isdecimal():  # cuda-bindings: only the number of results is written down; 0 where not even that
        return int(real) in (0, said.count(",") + 1)
    return _same_type(said, real)


def _same_type(said: str, real: str) -> bool:
    said = said.removesuffix(" | None")
    real = real.replace("tensorrt_bindings.tensorrt.", "").replace("nvonnxparser.I", "").replace("nvinfer1.", "")
    real = real.replace("typing.SupportsInt", "int").replace("typing_extensions.", "").replace("collections.abc.", "")
    return said == real or (said.startswith("tuple[") and real == "tuple")


MAY_BE_LEFT_OUT = {"Dims.__init__", "ICudaEngine.create_execution_context"}  # their only parameter, in the real API
LIBRARIES_OF = {"tensorrt": "binding", "cuda.bindings.runtime": "cuda_binding"}


@pytest.fixture(params=list(STUBS))
def library(request: pytest.FixtureRequest) -> tuple[str, Api, Api]:
    """A library's name, stub and real binding."""
    name = request.param
    return name, read_stub(STUBS[name]), request.getfixturevalue(LIBRARIES_OF[name])


def test_all_that_is_used_is_there(library: tuple[str, Api, Api], trees: list[ast.Module]) -> None:
    name, stub, real = library
    use = find_use(trees, stub, name)
    assert problems(use, stub, real) == []
    assert len(use.names) > 40


def test_every_wrong_name_in_the_code_is_noticed(library: tuple[str, Api, Api], trees: list[ast.Module]) -> None:
    # the code is wrong, the stub is right (mypy would say so, too)
    name, stub, real = library
    tried = 0
    home = {id(node): tree for tree in trees for node in ast.walk(tree)}
    own: dict[str, dict[str, str]] = {}
    for used, nodes in find_use(trees, stub, name, own).names.items():
        for node in nodes:
            attribute = "attr" if isinstance(node, ast.Attribute) else "name"
            if not hasattr(node, attribute):
                continue  # len(dims), dims[0], a constructor: these have no name of their own
            before = getattr(node, attribute)
            setattr(node, attribute, f"{before}_")
            try:
                is_noticed = bool(find_use([home[id(node)]], stub, name, own).problems)
                assert is_noticed or problems(find_use(trees, stub, name), stub, real) != [], f"{used}, {node.lineno}"
            finally:
                setattr(node, attribute, before)
            tried += 1
    assert tried > 40


def test_every_wrong_name_in_code_and_stub_is_noticed(library: tuple[str, Api, Api], trees: list[ast.Module]) -> None:
    # somebody remembers the API wrongly, and writes it so in both places: only the real binding can tell
    name, stub, real = library
    use = find_use(trees, stub, name)
    tried = 0
    for used in use.names:
        if "__" in used:
            continue  # Python's own names
        wrong_stub, wrong_use = copy.deepcopy(stub), Use(names={f"{used}_": []}, written=set(use.written))
        for names in (wrong_stub.classes, wrong_stub.members, wrong_stub.constants):
            if used in names:
                names.add(f"{used}_")
        for table in (wrong_stub.functions, wrong_stub.attributes):
            if used in table:
                table[f"{used}_"] = table[used]  # type: ignore[assignment, index]
        assert list(_differences(f"{used}_", wrong_use, wrong_stub, real)) != [], used
        tried += 1
    assert tried > 30


def test_every_wrong_parameter_is_noticed(library: tuple[str, Api, Api], trees: list[ast.Module]) -> None:
    name, stub, real = library
    use = find_use(trees, stub, name)
    tried = 0
    for used, (function,) in stub.functions.items():
        for index, (parameter, kind, default) in enumerate(function.parameters):
            others = [*function.parameters]
            others[index] = (f"{parameter}_", kind, default)
            fewer = [part for part in function.parameters if part[0] != parameter]
            more = [*function.parameters, ("another", "int", False)]
            for parameters in (others, fewer, more):
                wrong = copy.deepcopy(stub)
                wrong.functions[used] = [Function(tuple(parameters), function.returns)]
                if parameters is fewer and used in MAY_BE_LEFT_OUT:
                    continue
                assert list(_differences(used, use, wrong, real)) != [], f"{used}: {parameters}"
            tried += 1
    assert tried > 30


def test_every_wrong_type_of_tensorrt_is_noticed(binding: Api, trees: list[ast.Module]) -> None:
    stub = read_stub(STUBS["tensorrt"])
    use = find_use(trees, stub, "tensorrt")
    for used, (function,) in stub.functions.items():
        wrong = copy.deepcopy(stub)
        wrong.functions[used] = [Function(function.parameters, "complex")]
        assert list(_differences(used, use, wrong, binding)) != [], used
        for index, (parameter, _, default) in enumerate(function.parameters):
            others = [*function.parameters]
            others[index] = (parameter, "complex", default)
            wrong.functions[used] = [Function(tuple(others), function.returns)]
            assert list(_differences(used, use, wrong, binding)) != [], f"{used}: {parameter}"
    for used in stub.attributes:
        wrong = copy.deepcopy(stub)
        wrong.attributes[used] = ("complex", True)
        assert list(_differences(used, use, wrong, binding)) != [], used
    read_only = Use(names={"ICudaEngine.num_io_tensors": []}, written={"ICudaEngine.num_io_tensors"})
    assert list(_differences("ICudaEngine.num_io_tensors", read_only, stub, binding)) != []


def test_the_weak_typing_that_tensorrt_11_removed_is_not_there(binding: Api) -> None:
    # programs that still set the flag crash or, worse, end with an fp32 engine
    assert "BuilderFlag.FP16" not in binding.members
    assert "Builder.platform_has_fast_fp16" not in binding.attributes
    for path in SOURCES:
        assert "FP16)" not in path.read_text(encoding="utf-8").replace("PrecisionChoice.FP16)", "")


@pytest.mark.parametrize("name", list(STUBS))
def test_the_stand_in_of_the_other_tests_has_the_same_names_and_parameters(name: str) -> None:
    stub = read_stub(STUBS[name])
    gpu = FakeGpu()
    module = tensorrt_module(gpu) if name == "tensorrt" else cuda_module(gpu)

    def part(path: str) -> object:
        value: object = module
        for step in path.split("."):
            value = getattr(value, step)
        return value

    for path in stub.classes | stub.members | stub.constants | set(stub.functions):
        value = part(path)
        if path in stub.functions and "__" not in path:
            parameters = [one for one in inspect.signature(value).parameters if one != "self"]  # type: ignore[arg-type]
            assert parameters == [one[0] for one in stub.functions[path][0].parameters], path

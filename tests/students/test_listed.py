"""Lists of students as spaces: from a file, from timm, from one function."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from autodas.core.errors import FileProblem, InvalidInput, MissingData, UnknownName
from autodas.networks import import_timm as guard
from autodas.networks import seeded
from autodas.spaces import get_space
from autodas.spaces.listed import timm_space
from autodas.students import Student
from autodas.workbench.source_digest import MEASURING, own_files, source_digest

OWN = "networks_of_ones_own:small"
needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason='the extra is missing: "autodas[timm]"'
)


@pytest.fixture(autouse=True)
def _own_networks(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def listing(folder, text, name="students.toml"):
    (folder / name).write_text(text)
    return f"list:{folder / name}"


def two(folder):
    return listing(
        folder,
        f'[[student]]\nnetwork = "{OWN}"\n'
        f'[[student]]\nname = "wide"\nnetwork = "{OWN}"\narguments = {{ width = 8 }}\n'
        'stages = ["deep"]\n',
    )


def test_a_list_is_a_space(tmp_path):
    name = two(tmp_path)
    space = get_space(name)
    assert get_space(name) is space
    assert space.known_as == name
    archs = list(space.enumerate())
    texts = [space.encode(arch) for arch in archs]
    assert texts == [OWN, "wide"]
    assert [space.decode(text) for text in texts] == archs
    rng = np.random.default_rng(0)
    assert {space.encode(space.sample(rng)) for _ in range(20)} == set(texts)
    assert space.mutate(archs[0], rng) == archs[1]
    assert {space.crossover(*archs, rng) for _ in range(20)} == set(archs)
    sizes = {"num_classes": 10, "input_shape": (1, 8, 8)}
    costs = [space.cost(arch, **sizes) for arch in archs]
    # By hand: 3·3·1·4 + 4 + 2·4 + 3·3·4·8 + 8 + 2·8 + 8·10 + 10 for width 4.
    assert costs[0].params == 450
    assert costs[0].macs == 64 * 36 + 16 * 288 + 80
    networks = [space.build(arch, **sizes) for arch in archs]
    assert [len(n.forward_stages(torch.zeros(2, 1, 8, 8))[0]) for n in networks] == [2, 1]
    with pytest.raises(UnknownName, match="did you mean 'wide'"):
        space.decode("wid")
    with pytest.raises(InvalidInput, match="an architecture is a Listed"):
        space.encode("wide")


def test_a_changed_list_is_another_space(tmp_path):
    """Neither caches nor runs may take one for the other."""
    before = get_space(two(tmp_path))
    digests = source_digest(before, MEASURING), before.resolved
    path = tmp_path / "students.toml"
    path.write_text(path.read_text().replace("width = 8", "width = 6"))
    after = get_space(before.known_as)
    assert after is not before
    assert source_digest(after, MEASURING) != digests[0]
    assert after.resolved != digests[1]
    assert "networks_of_ones_own" in own_files(after)


def test_weights_are_begun_with(tmp_path):
    network = get_space(OWN).build(
        next(get_space(OWN).enumerate()), num_classes=10, input_shape=(1, 8, 8)
    )
    save_file(
        {f"module.{k}": v for k, v in network.model.state_dict().items()},
        tmp_path / "w.safetensors",
    )
    name = listing(tmp_path, f'[[student]]\nnetwork = "{OWN}"\nweights = "w.safetensors"\n')
    space = get_space(name)
    arch = next(space.enumerate())

    def built(classes):
        sizes = {"num_classes": classes, "input_shape": (1, 8, 8)}
        return seeded(lambda: space.build(arch, **sizes), 7).model.state_dict()

    for key, tensor in built(10).items():
        assert torch.equal(tensor, network.model.state_dict()[key]), key
    # For other classes, all but the classifier.
    for key, tensor in built(3).items():
        same = tensor.shape == network.model.state_dict()[key].shape
        assert same != key.startswith("head.")
    content = space.content
    save_file(built(3), tmp_path / "w.safetensors")
    get_space(listing(tmp_path, (tmp_path / "students.toml").read_text() + "# again\n"))
    assert get_space(name).content != content
    save_file({"other": torch.zeros(1)}, tmp_path / "w.safetensors")
    again = get_space(listing(tmp_path, (tmp_path / "students.toml").read_text() + "#\n"))
    with pytest.raises(FileProblem, match=r"lacks the tensor 'stem\.0\.weight'"):
        again.build(next(again.enumerate()), num_classes=10, input_shape=(1, 8, 8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must have an entry \[\[student\]\]"),
        ("student = 3", r"must have an entry \[\[student\]\]"),
        ("[[student]]\nname = 'a'", "needs a 'network'"),
        ("[[student]]\nnetwork = 3", "'network' must be str, got 3"),
        ("[[student]]\nnetwork = 'a:b'\nwidth = 3", "not 'width'"),
        ("[[student]]\nnetwork = 'a:b'\nname = ' '", "1 to 200 printable"),
        ("[[student]]\nnetwork = 'nowhere_at_all:b'", "cannot import nowhere_at_all"),
        ("[[student]]\nnetwork = 'no name'", "is written package.module:object, got 'no name'"),
        ("[[student]]\nnetwork = 'networks_of_ones_own:none'", "has no 'none'"),
        ("[[student]]\nnetwork = 'networks_of_ones_own:CONSTANT'", "is a int, not a function"),
        (f"[[student]]\nnetwork = '{OWN}'\n" * 2, f"two students named '{OWN}'"),
        (f"[[student]]\nnetwork = '{OWN}'\nweights = 'none.safetensors'", "none.safetensors: "),
        (f"[[student]]\nnetwork = '{OWN}'\nweights = 'pretrained'", "only models of timm"),
    ],
)  # fmt: skip
def test_a_list_that_is_wrong_is_refused_at_once(tmp_path, text, message):
    with pytest.raises((FileProblem, InvalidInput), match=message) as said:
        get_space(listing(tmp_path, text))
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "makes a int, not a torch.nn.Module"),
        ("of_ten", "puts out 10 logits, the data have 1000 classes: let its function take num_cl"),
    ],
)
def test_a_function_that_makes_no_student_is_refused_at_once(tmp_path, name, message):
    with pytest.raises(InvalidInput, match=message):
        get_space(listing(tmp_path, f'[[student]]\nnetwork = "networks_of_ones_own:{name}"\n'))


@pytest.mark.parametrize("name", ["broken", "unbuilt"])
def test_what_fails_with_all_images_is_told_of_those_of_the_data(tmp_path, name):
    space = get_space(listing(tmp_path, f'[[student]]\nnetwork = "networks_of_ones_own:{name}"\n'))
    (arch,) = space.enumerate()
    with pytest.raises(InvalidInput, match=r"images of 3×32×32: ValueError: as always") as error:
        space.cost(arch, num_classes=4, input_shape=(3, 32, 32))
    assert "224" not in str(error.value)


def test_a_student_for_images_of_one_uncommon_size_is_taken(tmp_path):
    space = get_space(listing(tmp_path, '[[student]]\nnetwork = "networks_of_ones_own:of_48"\n'))
    (arch,) = space.enumerate()
    assert space.cost(arch, num_classes=4, input_shape=(3, 48, 48)).params > 0
    with pytest.raises(InvalidInput, match=r"cannot be run on images of 3×32×32"):
        space.cost(arch, num_classes=4, input_shape=(3, 32, 32))


def test_one_function_is_a_space_of_one():
    space = get_space(OWN)
    assert (space.size, space.known_as) == (1, OWN)
    with pytest.raises(InvalidInput, match="a single student"):
        space.mutate(next(space.enumerate()), np.random.default_rng(0))


def test_what_a_file_describes_is_not_run():
    """A function that a description names must be imported, and be one that makes networks."""
    rest = {"arguments": {}, "stages": [], "classifier": "", "prefix_tokens": None}
    for network in ("os:system", "shutil:rmtree", "networks_of_ones_own:of_ten"):
        __import__(network.partition(":")[0])
        with pytest.raises(InvalidInput, match="takes no num_classes"):
            Student.of_json({"network": network, **rest})
    assert Student.of_json({"network": OWN, **rest}).to_json() == {"network": OWN, **rest}
    sys.modules.pop("never_imported", None)
    with pytest.raises(InvalidInput, match=r"import that module, or add --plugin never_imported$"):
        Student.of_json({"network": "never_imported:f", **rest})
    with pytest.raises(InvalidInput, match="no student is described"):
        Student.of_json({"network": OWN})


@needs_timm
def test_patterns_of_timm():
    space = get_space("timm:mobilenetv3_small_0*, resnet18")
    texts = [space.encode(arch) for arch in space.enumerate()]
    assert texts == ["mobilenetv3_small_050", "mobilenetv3_small_075", "resnet18"]
    assert space.canonical("timm:resnet18") == "resnet18"
    resnet = space.decode("resnet18")
    assert space.cost(resnet).params == 11_689_512  # as published, for 1000 classes
    assert space.cost(resnet).macs == 1_814_073_344  # torchvision's 1.81 GMACs
    assert space.cost(resnet, num_classes=10, input_shape=(1, 32, 32)).params < 11_200_000
    assert space.depth(resnet) == 21  # 17 convolutions, 3 shortcuts, a linear layer
    with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
        get_space("timm:resnt18")
    with pytest.raises(MissingData, match="published weights of none are in the cache"):
        get_space("timm:resnet18*@pretrained")


@needs_timm
def test_weights_of_ones_own_for_a_model_of_timm(tmp_path):
    plain = get_space("timm:test_resnet")
    made = seeded(lambda: plain.build(plain.decode("test_resnet"), num_classes=7), 0)
    save_file(made.model.state_dict(), tmp_path / "mine.safetensors")
    name = f"timm:test_resnet@{tmp_path / 'mine.safetensors'}"
    space = get_space(name)
    arch = next(space.enumerate())
    assert space.encode(arch) == name.removeprefix("timm:")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    again = seeded(lambda: space.build(arch, num_classes=7, input_shape=(3, 64, 64)), 5)
    assert torch.equal(made.eval()(images), again.eval()(images))
    other = seeded(lambda: space.build(arch, num_classes=3, input_shape=(3, 64, 64)), 5)
    features = [n.eval().forward_stages(images)[0][-1] for n in (made, other)]
    assert torch.equal(*features)
    with pytest.raises(FileProblem, match=r"no\.safetensors"):
        get_space(f"timm:test_resnet@{tmp_path / 'no.safetensors'}")


@needs_timm
def test_published_weights_of_those_that_are_cached(tmp_path, monkeypatch):
    import huggingface_hub

    space = get_space("timm:test_resnet")
    made = space.build(space.decode("test_resnet"))
    file = tmp_path / "model.safetensors"
    save_file(made.model.state_dict(), file)

    def cached(repository, name):
        return str(file) if repository == "timm/test_resnet.r160_in1k" else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_: str(file))
    timm_space.cache_clear()
    found = get_space("timm:test_*@pretrained")
    assert [found.encode(arch) for arch in found.enumerate()] == ["test_resnet@pretrained"]
    again = found.build(next(found.enumerate()))
    assert torch.equal(again.classifier.weight, made.classifier.weight)
    timm_space.cache_clear()


def test_without_timm_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    guard.import_timm.cache_clear()
    timm_space.cache_clear()
    try:
        with pytest.raises(MissingData, match=r'pip install "autodas\[timm\]"') as said:
            get_space("timm:resnet18")
        assert "\n" not in str(said.value)
    finally:
        guard.import_timm.cache_clear()

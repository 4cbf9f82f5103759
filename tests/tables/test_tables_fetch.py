"""Downloads from a server that may misbehave, and originals that are converted."""

import csv
import hashlib
import http.server
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from autodas.cli.main import main
from autodas.core.digest import digest_file
from autodas.core.errors import FileProblem, InvalidInput, MissingData, UnknownName
from autodas.core.fetch import CHUNK, Remote, download
from autodas.tables import TABLES, TableSource, convert, fetch, load_table, read_table
from autodas.tables.nasbench import nasbench201_class

VANILLA = b"111 60.2000\n113 67.2600\n115 69.4100\n"
DISTILLED = b"111 61.8700\n113 69.0100\n115 71.5000\n"
LARGE = bytes(range(256)) * 2000
FILES = {"/cls.txt": VANILLA, "/kd.txt": DISTILLED}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        elif self.path == self.server.busy:
            self.send_error(503)
        elif self.path in self.server.cut_at:
            self.send_cut(LARGE, self.server.cut_at[self.path])
        elif self.path in FILES:
            self.send_response(200)
            self.send_header("Content-Length", str(len(FILES[self.path])))
            self.end_headers()
            self.wfile.write(FILES[self.path])
        else:
            self.send_error(404)

    def send_cut(self, content, cuts):
        """Answer like a server that knows ranges, and hang up after the next of ``cuts`` bytes."""
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start >= len(content):
            self.send_error(416)
            return
        if start and self.server.knows_ranges:
            self.send_response(206)
            self.send_header(
                "Content-Range",
                f"bytes {start + self.server.shift}-{len(content) - 1}/{len(content)}",
            )
        else:
            start = 0
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        stop = cuts.pop(0) if cuts else len(content)
        self.wfile.write(content[start:stop])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.ranges, running.cut_at = [], {}
        running.knows_ranges, running.shift = True, 0
        running.busy = None
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def remote(server, path, content):
    return Remote(server.url + path, hashlib.sha256(content).hexdigest(), path[1:])


def test_a_file_is_fetched_once(server, tmp_path):
    wanted = remote(server, "/kd.txt", DISTILLED)
    for _ in range(2):
        (file,) = download([wanted], tmp_path / "new" / "folder")
        assert file.read_bytes() == DISTILLED
    assert server.asked == ["/kd.txt"]


def test_a_file_that_was_damaged_here_is_fetched_again(server, tmp_path):
    wanted = remote(server, "/kd.txt", DISTILLED)
    (file,) = download([wanted], tmp_path)
    damages = [f"damaged {number}".encode() for number in range(8)]
    above = {hashlib.sha256(each).hexdigest() > wanted.sha256 for each in damages}
    assert above == {True, False}, "by no order of digests is one taken for the other"
    for damage in damages:
        file.write_bytes(damage)
        download([wanted], tmp_path)
        assert file.read_bytes() == DISTILLED
    assert len(server.asked) == 1 + len(damages)


def broken(server, name):
    return {
        "another file": (remote(server, "/kd.txt", b"expected"), FileProblem, "another file than"),
        "a cut connection": (remote(server, "/cut", b"x"), MissingData, "the connection broke"),
        "not found": (remote(server, "/none", b"x"), MissingData, "the server answers 404"),
        "no server": (
            Remote("http://127.0.0.1:9/x", "0" * 64, "x"),
            MissingData,
            "cannot be reached",
        ),
    }[name]


@pytest.mark.parametrize("name", ["another file", "a cut connection", "not found", "no server"])
def test_what_is_not_delivered_is_said_in_one_line_and_not_kept(name, server, tmp_path):
    wanted, error, message = broken(server, name)
    with pytest.raises(error, match=message) as caught:
        download([wanted], tmp_path)
    assert str(caught.value).startswith(wanted.url)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250
    assert [path for path in tmp_path.iterdir() if path.stat().st_size] == []


def cut_twice(server, tmp_path):
    server.cut_at["/large"] = [200_000, 350_000]
    wanted = remote(server, "/large", LARGE)
    for _ in range(2):
        with pytest.raises(MissingData, match="the connection broke"):
            download([wanted], tmp_path)
    return wanted


def test_a_cut_download_goes_on_where_it_was_cut(server, tmp_path):
    wanted = cut_twice(server, tmp_path)
    (file,) = download([wanted], tmp_path)
    assert file.read_bytes() == LARGE
    # Whole chunks are kept of what came before the cut.
    assert server.ranges == [None, f"bytes={3 * CHUNK}-", f"bytes={5 * CHUNK}-"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_server_without_ranges_sends_everything_again(server, tmp_path):
    server.knows_ranges = False
    wanted = cut_twice(server, tmp_path)
    (file,) = download([wanted], tmp_path)
    assert file.read_bytes() == LARGE


def test_a_part_that_is_no_beginning_is_dropped(server, tmp_path):
    server.cut_at["/large"] = [200_000]
    wanted = remote(server, "/large", LARGE)
    with pytest.raises(MissingData):
        download([wanted], tmp_path)
    (part,) = tmp_path.iterdir()
    part.write_bytes(b"x" * part.stat().st_size)
    with pytest.raises(FileProblem, match="another file than"):
        download([wanted], tmp_path)
    assert list(tmp_path.iterdir()) == []
    part.write_bytes(b"x" * len(LARGE))  # longer than what is there to come
    (file,) = download([wanted], tmp_path)
    assert file.read_bytes() == LARGE


def test_a_busy_server_is_asked_once_and_what_came_is_kept(server, tmp_path):
    server.cut_at["/large"] = [200_000]
    wanted = remote(server, "/large", LARGE)
    with pytest.raises(MissingData):
        download([wanted], tmp_path)
    server.busy = "/large"
    with pytest.raises(MissingData, match="the server answers 503 Service Unavailable"):
        download([wanted], tmp_path)
    assert server.asked == ["/large", "/large"]
    server.busy = None
    (file,) = download([wanted], tmp_path)
    assert file.read_bytes() == LARGE
    assert server.ranges == [None, f"bytes={3 * CHUNK}-"]


def test_another_range_than_asked_for_is_not_appended(server, tmp_path):
    server.cut_at["/large"] = [200_000]
    wanted = remote(server, "/large", LARGE)
    with pytest.raises(MissingData):
        download([wanted], tmp_path)
    server.shift = 1
    with pytest.raises(MissingData):
        download([wanted], tmp_path)
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == LARGE[: 3 * CHUNK]


def test_a_folder_that_cannot_be_made_is_said(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = "file/folder: cannot be written: Not a directory$"
    with pytest.raises(FileProblem, match=said):
        download([remote(server, "/kd.txt", DISTILLED)], tmp_path / "file" / "folder")


@pytest.fixture
def public(server, monkeypatch, tmp_path):
    """A catalogue entry like that of S0, but served from here."""
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    original = TABLES.get("s0")
    TABLES.remove("s0")
    remotes = (remote(server, "/cls.txt", VANILLA), remote(server, "/kd.txt", DISTILLED))
    TABLES.add("s0", TableSource("s0", "resnet", "test", original.file, remotes=remotes))
    yield server
    TABLES.remove("s0")
    TABLES.add("s0", original)


def test_a_named_table_is_fetched_converted_and_found(public):
    with pytest.raises(MissingData):
        load_table("s0")
    path = fetch("s0")
    table = load_table("s0")
    assert table.source == str(path)
    assert table.architectures == ("1-1-1", "1-1-3", "1-1-5")
    assert table.target("kd_acc").values.tolist() == [61.87, 69.01, 71.5]
    assert fetch("s0") == path
    assert sorted(public.asked) == ["/cls.txt", "/kd.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"something else", "delivers another file than expected"),
        (None, "the server answers 404 Not Found"),
    ],
)
def test_the_command_says_in_one_line_what_went_wrong(public, content, message, capfd, monkeypatch):
    if content is None:
        monkeypatch.delitem(FILES, "/kd.txt")
    else:
        monkeypatch.setitem(FILES, "/kd.txt", content)
    assert main(["fetch", "s0"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert err.startswith(f"autodas: error: {public.url}/kd.txt")
    assert err.count("\n") == 1
    monkeypatch.setitem(FILES, "/kd.txt", DISTILLED)
    assert main(["fetch", "s0"]) == 0
    assert Path(capfd.readouterr().out.strip()) == TABLES.get("s0").path


def test_offline_is_one_line(public, capfd):
    public.shutdown()
    public.server_close()
    assert main(["fetch", "s0"]) == 2
    err = capfd.readouterr().err
    assert "cannot be reached" in err
    assert err.count("\n") == 1


def test_what_lies_in_the_folder_of_data_is_not_fetched(public, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODAS_DATA", str(tmp_path))
    (tmp_path / "s0_resnet_cifar100.csv").write_text("arch,kd_acc\n111,60\n")
    assert fetch("s0") == tmp_path / "s0_resnet_cifar100.csv"
    assert public.asked == []


def test_a_plain_file_is_fetched_as_it_is(public):
    content = b"arch,kd_acc\n111,60.5\n"
    FILES["/plain.csv"] = content
    source = TableSource(
        "plain", "resnet", "test", "plain.csv", remotes=(remote(public, "/plain.csv", content),)
    )
    TABLES.add("plain", source)
    try:
        fetch("plain")
        assert load_table("plain").architectures == ("1-1-1",)
    finally:
        TABLES.remove("plain")
        del FILES["/plain.csv"]


def test_what_cannot_be_downloaded_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("AUTODAS_CACHE", str(tmp_path))
    monkeypatch.delenv("AUTODAS_DATA", raising=False)
    with pytest.raises(MissingData, match=r"'autoformer' needs autoformer_kd.json of Auto-Prox"):
        fetch("autoformer")
    with pytest.raises(UnknownName, match="did you mean 'autoformer'"):
        fetch("autofromer")


def test_downloads_in_the_catalogue_are_pinned():
    for source in TABLES:
        for each in source.remotes:
            assert len(bytes.fromhex(each.sha256)) == 32
            assert each.url.startswith("https://")


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
def test_the_originals_of_s0_have_the_digests_of_the_catalogue(tmp_path):
    table = load_table("s0")
    assert [each.name for each in TABLES.get("s0").remotes] == ["s1-gt-cls.txt", "s1-gt-kd.txt"]
    paths = []
    for each, column in zip(TABLES.get("s0").remotes, ("cls_acc", "kd_acc"), strict=True):
        values = table.target(column).values
        names = [name.replace("-", "") for name in table.architectures]
        lines = [f"{n} {v:.4f}\n" for n, v in zip(names, values, strict=True)]
        path = tmp_path / each.name
        path.write_bytes("".join(lines).encode())
        assert digest_file(path) == each.sha256
        paths.append(path)
    assert digest_file(convert("s0", paths, tmp_path / "s0.csv")) == table.digest


@pytest.fixture
def write(tmp_path):
    def inner(name, content):
        (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path / name

    return inner


CELL = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"


def cell(*operations):
    short = {"0": "none", "1": "nor_conv_1x1", "3": "nor_conv_3x3", "s": "skip_connect"}
    return CELL.format(*(short.get(o, o) for o in operations))


def test_naslib_codes_become_cells(write, tmp_path):
    # Codes name edges in the order (1,2) (1,3) (1,4) (2,3) (2,4) (3,4); 0 skip, 1 none,
    # 2 conv3x3, 3 conv1x1, 4 pool.
    entry = {"val_accuracy": 86.0, "snip": {"score": 2.5, "time": 1.0}, "jacov": -1e8}
    content = {"nasbench201": {"cifar10": {"(2, 0, 4, 3, 1, 0)": entry}}}
    table = read_table(convert("nasbench201-scores", [write("a", content)], tmp_path / "t.csv"))
    assert table.architectures == (cell("3", "s", "1", "avg_pool_3x3", "0", "s"),)
    assert table.target("cifar10_val").values.tolist() == [86.0]
    assert table.published["cifar10/snip"].tolist() == [2.5]
    assert np.isnan(table.published["cifar10/jacov"]).all()
    assert np.isnan(table.published["cifar10/nwot"]).all()


def nats(*rows):
    columns = [f"{d}TestAccuracy200Epochs" for d in ("CIFAR10", "CIFAR100", "ImageNet")]
    return "\n".join([",".join([*columns, "ArchitectureString"]), *rows]) + "\n"


def test_nats_columns_are_renamed(write, tmp_path):
    rows = [
        f"9{i}.5,7{i},4{i},{cell('3', '0', o, '0', '0', 's')}" for i, o in enumerate("s13s"[:3])
    ]
    path = convert("nasbench201", [write("nats.csv", nats(*rows))], tmp_path / "t.csv")
    table = read_table(path)
    assert table.target("cifar100_test").values.tolist() == [70.0, 71.0, 72.0]
    assert table.target("imagenet16_test").dataset == "imagenet16-120"
    assert path.read_text().splitlines()[1].endswith(",0,0")
    assert path.read_text().splitlines()[3].endswith(",2,2")


SAME = [
    # a skip connection is transparent
    (cell("3", "0", "s", "0", "0", "s"), cell("0", "3", "0", "0", "0", "s")),
    (cell("3", "0", "s", "0", "0", "s"), cell("0", "0", "0", "3", "0", "0")),
    # terms commute
    (cell("3", "1", "s", "0", "0", "s"), cell("1", "3", "s", "0", "0", "s")),
    # a sum passed on is added term by term
    (cell("0", "3", "0", "1", "0", "s"), cell("0", "1", "0", "3", "0", "s")),
    # dead nodes do not count, nor does a convolution of nothing
    (cell("0", "0", "0", "0", "0", "3"), cell("0", "0", "0", "0", "0", "0")),
    (cell("3", "1", "3", "s", "0", "0"), cell("0", "0", "0", "s", "0", "0")),
]
DIFFERENT = [
    (cell("3", "0", "s", "0", "0", "s"), cell("1", "0", "s", "0", "0", "s")),
    (cell("3", "0", "1", "0", "0", "s"), cell("1", "0", "3", "0", "0", "s")),
    # two equal terms are not one
    (cell("0", "3", "0", "3", "0", "s"), cell("0", "3", "0", "0", "0", "s")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_cells_that_compute_the_same(one, other):
    assert nasbench201_class(one) == nasbench201_class(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_cells_that_compute_something_else(one, other):
    assert nasbench201_class(one) != nasbench201_class(other)


@pytest.mark.skipif("AUTODAS_DATA" not in os.environ, reason="AUTODAS_DATA is not set")
def test_classes_join_those_of_the_authors_whole():
    with Path(load_table("nasbench201").source).open(encoding="utf-8") as handle:
        rows = [(row["iso_class"], row["arch_str"]) for row in csv.DictReader(handle)]
    ours = {}
    for label, architecture in rows:
        ours.setdefault(label, set()).add(nasbench201_class(architecture))
    assert {len(classes) for classes in ours.values()} == {1}
    assert 2000 < len({nasbench201_class(architecture) for _, architecture in rows}) < len(ours)


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("s0", ["111 60\n", "113 60\n"], "architecture 111 is not in both files"),
        ("s0", ["111 60\n111 61\n", "111 60\n"], "line 2: architecture 111 appears twice"),
        ("s0", ["111 high\n", "111 60\n"], "line 1: 'high' is not a number"),
        ("s0", ["111\n", "111 60\n"], "line 1: an architecture and an accuracy expected"),
        ("s0", ["", "111 60\n"], "the file is empty"),
        ("nasbench201", ["a,b\n1,2\n"], "column ArchitectureString is missing"),
        ("nasbench201", [nats("90,70,40,foo")], "line 2, column ArchitectureString: 'foo' is not"),
        ("nasbench201-scores", ["{"], "is not valid JSON"),
        ("nasbench201-scores", ["[]"], "holds none of the data sets cifar10"),
        ("nasbench201-scores", [{"cifar10": {"(1, 2)": {}}}], r"'\(1, 2\)' is not six operation"),
        ("nasbench201-scores", [{"cifar10": {"(0, 0, 0, 0, 0, 5)": {}}}], "is not six operation"),
        ("nasbench201-scores", [{"cifar10": {"x": 5}}], "cifar10 x: an object of scores"),
        (
            "nasbench201-scores",
            [{"cifar10": {"(0, 0, 0, 0, 0, 0)": {"snip": "big"}}}],
            "snip: 'big' is not a number",
        ),
    ],
)
def test_originals_that_are_none_are_refused(name, contents, message, write, tmp_path):
    sources = [write(f"original{i}", each) for i, each in enumerate(contents)]
    with pytest.raises(FileProblem, match=message) as caught:
        convert(name, sources, tmp_path / "t.csv")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "t.csv").exists()


def test_a_converter_says_what_it_needs(tmp_path):
    with pytest.raises(InvalidInput, match=r"2 files \(s1-gt-cls.txt, s1-gt-kd.txt\), got 1"):
        convert("s0", [tmp_path / "a"], tmp_path / "b")
    with pytest.raises(UnknownName, match="unknown converter"):
        convert("s1", [], tmp_path / "b")

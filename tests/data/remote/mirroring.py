"""Data sets to be put at remote places, a server that misbehaves as it is told, and how sources are compared."""

import hashlib
import http.server
from pathlib import Path
from urllib.parse import quote

import numpy as np
from toys import write_image, write_split_folder

from striate.data import open_source


def put(system, folder, at):
    for path in Path(folder).rglob("*"):
        if path.is_file():
            system.pipe_file(f"{at}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def same(remote, local):
    """Compare two sources, all but their names."""
    assert remote.fingerprint == local.fingerprint
    assert remote.class_names == local.class_names
    assert remote.shape == local.shape
    assert remote.in_place == local.in_place
    for split, targets in local.targets.items():
        assert np.array_equal(remote.targets[split], targets)
        for i in range(len(targets)):
            assert remote.image(split, i).tobytes() == local.image(split, i).tobytes()
        array = local.array(split)
        assert (array is None) == (remote.array(split) is None)
        assert array is None or np.array_equal(remote.array(split), array)
        copied = array is None or not np.shares_memory(array, local.array(split))
        assert (split in local.in_place) != copied


def write_idx(folder):
    folder.mkdir()
    for prefix in ("train", "t10k"):
        images = np.random.default_rng(7).integers(0, 256, (40, 3, 5), np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", np.arange(40, dtype=np.uint8) % 4)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
            (folder / f"{prefix}-{name}-ubyte").write_bytes(header + array.tobytes())
    (folder / "README").write_text("not of the set")


def write_npz(folder):
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(folder / "a.npz", images=x, labels=np.arange(40) % 4)


def write_npy(folder):
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 3), np.uint8)
    np.save(folder / "images.npy", x)
    np.save(folder / "labels.npy", np.arange(40) % 4)
    (folder / "more.bin").write_bytes(b"not of the set")


def write_cifar(folder):
    root = folder / "cifar-10-batches-bin"
    root.mkdir(parents=True)
    (root / "batches.meta.txt").write_text("cat\ndog\n")
    for seed, name in enumerate(["test_batch", *(f"data_batch_{i}" for i in range(1, 6))]):
        rows = np.random.default_rng(seed).integers(0, 256, (20, 3073), np.uint8)
        rows[:, 0] = np.arange(20) % 2
        (root / f"{name}.bin").write_bytes(rows.tobytes())
    (root / "readme.html").write_text("not of the set")


def write_parquet(folder):
    import pyarrow as pa
    from pyarrow import parquet as pq

    folder.mkdir()
    for number, split in enumerate(("train", "test")):
        files = [write_image(folder / "image.png", 100 * number + i).read_bytes() for i in range(30)]
        columns = pa.table({"image": files, "kind": [i % 2 for i in range(30)]})
        pq.write_table(columns, folder / f"{split}-00000-of-00001.parquet")
    (folder / "image.png").unlink()


def write_pack(folder):
    from striate.data import pack_source

    write_split_folder(folder / "f")
    pack_source(open_source(folder / "f"), folder / "a.pack", (3, 8, 8))


def write_table(folder, *lines, name="list.csv", each=30):
    for number in range(each):
        for k, animal in enumerate(("cat", "dog")):
            write_image(folder / "images" / animal / f"{number}.png", 2 * number + k)
    rows = [f"images/{animal}/{n}.png,{animal}" for n in range(each) for animal in ("cat", "dog")]
    (folder / name).write_text("\n".join(["path,label", *rows, *lines]) + "\n")


def serve(server, folder, at=""):
    for path in Path(folder).rglob("*"):
        if path.is_file():
            server.files[f"{at}/{quote(path.relative_to(folder).as_posix())}"] = path.read_bytes()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {}
        self.faults = {}
        self.asked = []
        self.tagged = True
        self.sized = True
        self.authorized = None

    @property
    def host(self):
        return f"127.0.0.1:{self.server_address[1]}"

    def got(self):
        return [path for method, path in self.asked if method == "GET" and not path.endswith("/")]

    def handle_error(self, *_):
        """Be silent: clients go away in the midst of things on purpose."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer("HEAD")

    def do_GET(self):
        self.answer("GET")

    def answer(self, method):
        server = self.server
        path = self.path.partition("?")[0]
        server.asked.append((method, path))
        if server.authorized and self.headers.get("Authorization") != server.authorized:
            self.send_error(401)
            return
        faults = server.faults.get((method, path))
        fault = faults.pop(0) if faults else None
        if isinstance(fault, int):
            self.send_error(fault)
            return
        if path not in server.files:
            self.page(path)
            return
        data = server.files[path]
        self.send_response(200)
        if server.tagged:
            self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        if server.sized:
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        if method == "HEAD":
            return
        if fault == "endless":
            for _ in range(10_000):
                self.wfile.write(bytes(2**16))
            return
        self.wfile.write(data[: len(data) // 2] if fault == "cut" else data)

    def page(self, path):
        """Send a folder as web servers do: a page of links, some of which only sort it."""
        folder = path.rstrip("/") + "/"
        names = {
            rest.split("/")[0] + ("/" if "/" in rest else "")
            for full in self.server.files
            if full.startswith(folder) and (rest := full[len(folder) :])
        }
        if not names:
            self.send_error(404)
            return
        links = "".join(f'<a href="{name}">{name}</a>' for name in ["?C=N;O=D", "../", *sorted(names)])
        body = f"<html><body>{links}</body></html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

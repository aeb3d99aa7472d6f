#!/usr/bin/python3
"""export_run.py FOLDER TOKENS LOSSES: reads an exported run with the Python of its README.md, computes its losses on the
held-out shards of the folder TOKENS by what that README.md says, in double precision, and holds them against the last
ones of the run in LOSSES, a table of its archive as CSV."""
import csv, os, re, sys
import numpy

folder, tokens_folder, losses = map(os.path.abspath, sys.argv[1:])
os.chdir(folder)
page = open("README.md").read()
code, = re.findall("```python\n(.*?)```", page, re.S)
assert len([line for line in code.splitlines() if line]) <= 10
exec(code)

layers, d, heads, h, T = (int(metadata[name]) for name in ("layers", "width", "heads", "head_size", "sequence"))
H, ffw = heads * h, int(metadata["feed_forward"])

# The tensors are those of the page, in its shapes, and no others.
shapes = {}
for name, shape in re.findall(r"^\| `(embedding|layers\.L\.\w+)` \| \[([\d, ]+)\]", page, re.M):
    for layer in range(layers) if "L" in name else [0]:
        shapes[name.replace("L", str(layer))] = tuple(map(int, shape.split(",")))
assert shapes == {name: tensor.shape for name, tensor in weights.items()}
columns = {name: slice(int(first), int(last) + 1)
           for first, last, name in re.findall(r"^\| (\d+) to (\d+) \| (\w+) \|", page, re.M)}
W = {name: tensor.astype(float) for name, tensor in weights.items()}


def norm(x):
    return x / numpy.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-6)


def softmax(x):
    e = numpy.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def rotate(x):
    angle = numpy.arange(len(x))[:, None] / 10000 ** (2 * numpy.arange(h // 2) / h)
    out = numpy.empty_like(x)
    for head in range(heads):
        u, v = x[:, head * h:head * h + h // 2], x[:, head * h + h // 2:(head + 1) * h]
        out[:, head * h:(head + 1) * h] = numpy.hstack([u * numpy.cos(angle) - v * numpy.sin(angle),
                                                       v * numpy.cos(angle) + u * numpy.sin(angle)])
    return out


def attention(query, key, value):
    later = numpy.triu(numpy.full((len(query), len(query)), -numpy.inf), 1)
    return numpy.hstack([softmax(query[:, c] @ key[:, c].T / numpy.sqrt(h) + later) @ value[:, c]
                         for c in (slice(head * h, (head + 1) * h) for head in range(heads))])


def logits(tokens):
    x = W["embedding"][tokens]
    for layer in range(layers):
        tensor = {name: W[f"layers.{layer}.{name}"] for name in ("norm", "inner", "output", "down")}
        inner = norm(x) * tensor["norm"] @ tensor["inner"]
        query, key, value, gate, up = (inner[:, columns[name]] for name in ("query", "key", "value", "gate", "up"))
        x = (x + attention(rotate(query), rotate(key), value) @ tensor["output"]
             + gate / (1 + numpy.exp(-gate)) * up @ tensor["down"])
    return norm(x) @ W["embedding"].T


def shard_tokens(language):  # corpus/shard.h
    data = open(f"{tokens_folder}/{language}.test.tokens", "rb").read()
    pieces, = numpy.frombuffer(data, "<u4", 1, 12)
    count, = numpy.frombuffer(data, "<u8", 1, 128)
    return numpy.frombuffer(data, "<u2", count, 4096 + 8 * int(pieces) + -(-int(pieces) // 8) * 8)


rows = [row for row in csv.DictReader(open(losses)) if row["run"] == metadata["run"] and row["set"] == "test"]
rows = [row for row in rows if row["step"] == metadata["steps"]]
assert rows
for row in rows:
    tokens, nats = shard_tokens(row["language"]).astype(int), []
    for first in range(0, len(tokens) - 1, T):
        window = tokens[first:first + T + 1]
        nats.extend(-numpy.log(softmax(logits(window[:-1]))[numpy.arange(len(window) - 1), window[1:]]))
    loss, told = numpy.mean(nats), float(row["cross_entropy"])
    print(f"run {metadata['run']}, {row['language']}: {loss:.9f} nats by this page, {told:.9f} in the archive")
    assert len(nats) == len(tokens) - 1 and abs(loss - told) < 1e-6
    assert f"| {row['language']} | test | {told:.6f} |" in page

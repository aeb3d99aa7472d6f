"""Writes model_fixture.txt: what an implementation independent of ours gives for a small model.

The model of model/model.h in PyTorch, double precision, autograd and torch.optim.AdamW. Made with Debian 12's
python3-torch (1.13):

    /usr/bin/python3 tests/data/make_model_fixture.py > tests/data/model_fixture.txt

Weights and tokens come from the formulas below, which tests/test_model.c has too. Lines of the file: the loss (nats,
mean over predictions) and its gradient in the order of model_weights; the losses before each of 10 AdamW steps and the
norms of their gradients before clipping; the weights behind them.
"""

import torch
import torch.nn.functional as F

LAYERS, D, HEADS, H, FFW, V = 2, 12, 2, 8, 20, 29
B, T = 2, 7
STEPS = 10

torch.set_default_dtype(torch.float64)


def number(i):
    """In [-0.5, 0.5), exact in single precision."""
    return ((i * 2654435761) % 2**32 >> 12) / 2**20 - 0.5


def parameters():
    shapes = [("embedding", V, D)]
    for _ in range(LAYERS):
        shapes += [("norm", D), ("inner", D, 3 * HEADS * H + 2 * FFW), ("output", HEADS * H, D), ("down", FFW, D)]
    made, place = [], 0
    for name, *shape in shapes:
        size = torch.Size(shape).numel()
        values = torch.tensor([number(place + i) for i in range(size)]).reshape(shape)
        made.append(torch.nn.Parameter(1 + values if name == "norm" else values))
        place += size
    return made


def rms_norm(x):
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-6)


def rotary(x):
    """x [B, T, heads, h]: (x_i, x_{i+h/2}) as a complex number, turned by t * 10000^(-2i/h)."""
    half = H // 2
    frequency = 10000.0 ** (-torch.arange(half) / half)
    angle = torch.outer(torch.arange(T, dtype=torch.float64), frequency)
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)[None, :, None]
    return torch.cat([turned.real, turned.imag], -1)


def loss(weights, tokens):
    embedding, layers = weights[0], weights[1:]
    x = F.embedding(tokens[:, :-1], embedding)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    for layer in range(LAYERS):
        scale, inner, o, down = layers[4 * layer : 4 * layer + 4]
        q, k, v, gate, up = inner.split([HEADS * H] * 3 + [FFW] * 2, dim=1)
        n = rms_norm(x) * scale
        queries, keys, values = ((n @ w).reshape(B, T, HEADS, H) for w in (q, k, v))
        scores = torch.einsum("bihe,bjhe->bhij", rotary(queries), rotary(keys)) / H**0.5
        shares = scores.masked_fill(future, -torch.inf).softmax(-1)
        attended = torch.einsum("bhij,bjhe->bihe", shares, values).reshape(B, T, HEADS * H)
        x = x + attended @ o + (F.silu(n @ gate) * (n @ up)) @ down
    logits = rms_norm(x) @ embedding.T
    return F.cross_entropy(logits.reshape(-1, V), tokens[:, 1:].reshape(-1))


def write(name, values):
    print(name, len(values), *("%.9g" % float(value) for value in values))


def main():
    weights = parameters()
    tokens = torch.tensor([i * i * 7 % 31 % V for i in range(B * (T + 1))]).reshape(B, T + 1)
    matrices, scales = [w for w in weights if w.dim() == 2], [w for w in weights if w.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": scales, "weight_decay": 0.0}],
        lr=0.01, betas=(0.9, 0.95), eps=1e-6,
    )
    losses, norms = [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        value = loss(weights, tokens)
        value.backward()
        if step == 0:
            write("loss", [value])
            write("gradient", torch.cat([w.grad.flatten() for w in weights]))
        losses.append(value)
        norms.append(torch.nn.utils.clip_grad_norm_(weights, 1.0))
        optimizer.step()
    write("losses", losses)
    write("norms", norms)
    write("weights", torch.cat([w.flatten() for w in weights]))


main()

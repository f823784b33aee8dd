# SPDX-License-Identifier: Apache-2.0
"""Logits of tiny random Gemma 3 models, by transformers' Gemma3ForCausalLM evaluated in float64.

    python tests/golden/make_logits.py        writes beside itself; running it again gives the same files

made with  Python 3.11, torch 2.15.0, transformers 5.23.0, numpy 2.4.6

For each model NAME (MODELS below):
    NAME.json         sizes, seed, and of each tensor: number, name, shape, scale, checksum (see `checksum`)
    NAME.config.json  config.json as transformers writes it
    NAME.tokens.txt   the prompt: 40 token ids, more than the window
    NAME.logits.f32   logits of every position: f32 little-endian [40, vocabulary], float64 results rounded once
    NAME.greedy.txt   32 ids chosen greedily after the first 8 tokens; second line: the smallest gap on the way between
                      the best logit and the next

Weights need no file. Element e of tensor t is, exactly in f32,

    ((bits >> 8) - 2^23) * 2^-23 * scale        bits = random_bits({seed, step 0, tensor t}, e), scale a power of two

Tensors are numbered: the token embedding, then layer by layer the 13 of LAYER below, then the final norm. Scales:
    1/4  matrices and embedding: a matrix's outputs are about as large as its inputs (64 ... 128 of them, weights of
         variance scale^2 / 3), and the embedding times sqrt(hidden) about as large as one block's output
    2    q_norm and k_norm: 1 + w has the mean square 7/3, which is then about the deviation of attention scores
    4    the final norm: 1 + w takes both signs, so that a token does not simply predict itself
    1/4  the other norms: 1 + w lies in [3/4, 5/4)
Logits have a deviation of about 3. Token i of the prompt is random_bits({seed, step 1, tensor 0}, i) mod vocabulary,
but token 0 is 2, which begins a sequence. The seeds are the first whose 32 greedy ids hold 20 different ones and no
gap below 0.06; f32 arithmetic changes a logit by 3e-5.

transformers calculates some steps in f32 whatever the weights' type: RMSNorm, softmax, RoPE's frequencies, angles,
cosines and sines, the embedding's scale. Here these are float64 too (see `f32_means_f64`), so that the result is the
formula's and not one rounding's. Printed for each model, as NMSE = |x - y|^2 / |y|^2:
    transformers in float64 against the numpy float64 forward of this file     a cross-check, about 1e-29
    transformers as it is, weights cast to float64, against it                 what those f32 steps cost, about 4e-13
    mistaken forwards against it                                               what a test by these files can see
"""
import contextlib
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

from random_bits import random_bits

HERE = os.path.dirname(os.path.abspath(__file__))
PROMPT, GREEDY_FROM, GREEDY = 40, 8, 32

# The second has all that the first cannot tell: sqrt(hidden) no integer, attention scaled by hidden / heads and not by
# the head's size, two kv heads, positions of global layers divided by 8.
MODELS = {
    "gemma3-tiny": dict(seed=23, layers=7, hidden=64, heads=4, kv_heads=1, head_size=32, ffn=96, vocabulary=320,
                        window=16, attention_scalar=32, rope_factor=1),
    "gemma3-tiny-rope8": dict(seed=3, layers=8, hidden=96, heads=4, kv_heads=2, head_size=32, ffn=96, vocabulary=320,
                              window=16, attention_scalar=24, rope_factor=8),
}

LAYER = ["input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.q_norm",
         "self_attn.k_norm", "self_attn.o_proj", "post_attention_layernorm", "pre_feedforward_layernorm",
         "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "post_feedforward_layernorm"]


def tensors(m):
    """(name, shape, scale) in the order of their numbers."""
    d, q, kv = m["hidden"], m["heads"] * m["head_size"], m["kv_heads"] * m["head_size"]
    shapes = {"q_proj": [q, d], "k_proj": [kv, d], "v_proj": [kv, d], "q_norm": [m["head_size"]],
              "k_norm": [m["head_size"]], "o_proj": [d, q], "gate_proj": [m["ffn"], d], "up_proj": [m["ffn"], d],
              "down_proj": [d, m["ffn"]]}
    result = [("model.embed_tokens.weight", [m["vocabulary"], d], m.get("embedding_scale", 0.25))]
    for i in range(m["layers"]):
        for part in LAYER:
            scale = 2.0 if part in ("self_attn.q_norm", "self_attn.k_norm") else 0.25
            result.append((f"model.layers.{i}.{part}.weight", shapes.get(part.split(".")[-1], [d]), scale))
    return result + [("model.norm.weight", [d], 4.0)]


def weights(m):
    """name -> f32 array."""
    result = {}
    for number, (name, shape, scale) in enumerate(tensors(m)):
        bits = random_bits(m["seed"], 0, number, int(np.prod(shape)))
        steps = (bits >> np.uint32(8)).astype(np.int32) - np.int32(1 << 23)
        result[name] = (steps.astype(np.float32) * np.float32(2.0**-23 * scale)).reshape(shape)
    return result


def checksum(x):
    """Sum over e of (e + 1) * pattern of element e, mod 2^64."""
    patterns = x.reshape(-1).view(np.uint32).astype(np.uint64)
    return int((patterns * np.arange(1, x.size + 1, dtype=np.uint64)).sum(dtype=np.uint64))


def prompt(m):
    tokens = random_bits(m["seed"], 1, 0, PROMPT) % m["vocabulary"]
    return [2] + [int(t) for t in tokens[1:]]


# ---- transformers ----

def config(m):
    full = {"rope_type": "default", "rope_theta": 1e6}
    if m["rope_factor"] != 1:
        full = {"rope_type": "linear", "factor": float(m["rope_factor"]), "rope_theta": 1e6}
    return Gemma3TextConfig(
        vocab_size=m["vocabulary"], hidden_size=m["hidden"], intermediate_size=m["ffn"],
        num_hidden_layers=m["layers"], num_attention_heads=m["heads"], num_key_value_heads=m["kv_heads"],
        head_dim=m["head_size"], query_pre_attn_scalar=m["attention_scalar"], sliding_window=m["window"],
        max_position_embeddings=128, attn_implementation="eager",
        layer_types=["sliding_attention" if (i + 1) % m.get("pattern", 6) else "full_attention"
                     for i in range(m["layers"])],
        rope_parameters={"full_attention": full,
                         "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}})


@contextlib.contextmanager
def f32_means_f64():
    """Every name of f32 that transformers' code looks up while it runs is float64's."""
    saved = torch.float32, torch.Tensor.float, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.float32 = torch.float = saved[0]
        torch.Tensor.float = saved[1]
        torch.set_default_dtype(saved[2])


def load(m, w):
    model = Gemma3ForCausalLM(config(m)).eval()
    names = {name for name in model.state_dict() if name != "lm_head.weight"}  # tied to the embedding
    assert names == set(w), names ^ set(w)
    dtype = torch.get_default_dtype()
    model.load_state_dict({name: torch.from_numpy(x).to(dtype) for name, x in w.items()}, strict=False)
    model.tie_weights()
    return model


def run(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()


# ---- the same formulas in numpy, float64 ----

def rms_norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * (1 + w)


def rope(x, positions, base, factor):
    """x [tokens, heads, size]; element i turns with element i + size / 2."""
    half = x.shape[-1] // 2
    angle = positions[:, None] * base ** (-np.arange(half) / half) / factor
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    u, v = x[..., :half], x[..., half:]
    return np.concatenate([u * cos - v * sin, v * cos + u * sin], -1)


def forward(m, w, tokens, every=6, local_factor=1, embed_scale=None):
    w = {name: x.astype(np.float64) for name, x in w.items()}
    heads, kv_heads, size, count = m["heads"], m["kv_heads"], m["head_size"], len(tokens)
    positions = np.arange(count)
    distance = positions[:, None] - positions[None]
    x = w["model.embed_tokens.weight"][tokens] * (embed_scale or np.sqrt(m["hidden"]))
    for i in range(m["layers"]):
        part = {name: w[f"model.layers.{i}.{name}.weight"] for name in LAYER}
        is_global = (i + 1) % every == 0
        base, factor = (1e6, m["rope_factor"]) if is_global else (1e4, local_factor)
        a = rms_norm(x, part["input_layernorm"])
        q, k, v = ((a @ part[f"self_attn.{p}_proj"].T).reshape(count, -1, size) for p in "qkv")
        q = rope(rms_norm(q, part["self_attn.q_norm"]), positions, base, factor)
        k = rope(rms_norm(k, part["self_attn.k_norm"]), positions, base, factor)
        k, v = (np.repeat(t, heads // kv_heads, 1) for t in (k, v))
        scores = np.einsum("thd,shd->hts", q, k) / np.sqrt(m["attention_scalar"])
        visible = (distance >= 0) & (is_global | (distance < m["window"]))
        p = np.exp(np.where(visible, scores, -np.inf))
        o = np.einsum("hts,shd->thd", p / p.sum(-1, keepdims=True), v).reshape(count, -1)
        x = x + rms_norm(o @ part["self_attn.o_proj"].T, part["post_attention_layernorm"])
        f = rms_norm(x, part["pre_feedforward_layernorm"])
        g = f @ part["mlp.gate_proj"].T
        g = 0.5 * g * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g**3)))
        y = (g * (f @ part["mlp.up_proj"].T)) @ part["mlp.down_proj"].T
        x = x + rms_norm(y, part["post_feedforward_layernorm"])
    return rms_norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T


def nmse(x, y):
    return float(((x - y) ** 2).sum() / (y**2).sum())


def make(name, m):
    w, tokens = weights(m), prompt(m)
    with f32_means_f64():
        model = load(m, w)
        logits = run(model, tokens)
        greedy, gap = tokens[:GREEDY_FROM], np.inf
        for _ in range(GREEDY):
            last = run(model, greedy)[-1]
            order = np.argsort(last)
            greedy.append(int(order[-1]))
            gap = min(gap, last[order[-1]] - last[order[-2]])
    assert logits.dtype == np.float64
    as_it_is = load(m, w)
    with tempfile.TemporaryDirectory() as folder:
        as_it_is.save_pretrained(folder)
        config_text = open(os.path.join(folder, "config.json")).read()

    expected = forward(m, w, tokens)
    print(f"{name}: logits within {np.abs(logits).max():.2f}, rms {np.sqrt((logits**2).mean()):.2f}, "
          f"smallest gap {gap:.4f}, {len(set(greedy[GREEDY_FROM:]))} different greedy ids")
    print(f"  in float64 {nmse(logits, expected):.1e}, as it is {nmse(run(as_it_is.double(), tokens), expected):.1e}")
    assert nmse(logits, expected) < 1e-26
    mistakes = {
        "window + 1": forward({**m, "window": m["window"] + 1}, w, tokens),
        "all layers local": forward(m, w, tokens, every=1000),
        "factor 8 on local layers": forward(m, w, tokens, local_factor=8),
        "factor on global layers 8 or 1": forward({**m, "rope_factor": 9 - m["rope_factor"]}, w, tokens),
        "scores by head size": forward({**m, "attention_scalar": m["head_size"]}, w, tokens),
        "sqrt(hidden) in bf16": forward(m, w, tokens, embed_scale={64: 8.0, 96: 9.8125}[m["hidden"]]),
    }
    for mistake, y in mistakes.items():
        print(f"  {mistake}: {nmse(y, expected):.1e}")

    def write(suffix, data):
        with open(os.path.join(HERE, name + suffix), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    write(".logits.f32", logits.astype("<f4").tobytes())
    write(".config.json", config_text)
    write(".tokens.txt", " ".join(map(str, tokens)) + "\n")
    write(".greedy.txt", " ".join(map(str, greedy[GREEDY_FROM:])) + f"\n{gap:.6f}\n")
    rows = [{"number": t, "name": n, "shape": shape, "scale": scale,
             "checksum": checksum(w[n])}
            for t, (n, shape, scale) in enumerate(tensors(m))]
    lines = [f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in m.items()]
    rows = ",\n".join("    " + json.dumps(row) for row in rows)
    write(".json", "{\n" + "".join(lines) + '  "tensors": [\n' + rows + "\n  ]\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name, m in MODELS.items():
        make(name, m)

# SPDX-License-Identifier: Apache-2.0
"""Gradients of a tiny random Gemma 3, by PyTorch's autograd through transformers' Gemma3ForCausalLM in float64.

    python tests/golden/make_gradients_of_model.py        writes beside itself; running it again gives the same files

made with  Python 3.11, torch 2.15.0, transformers 5.23.0, numpy 2.4.6

    gemma3-train.json           sizes, seed and tensors, as make_logits.py writes them
    gemma3-train.tokens.txt     TEXTS lines: ids of a text, longer than the window; text t is random_bits({seed, step
                                1 + t, tensor 0}, i) mod vocabulary
    gemma3-train.gradients.f32  f32 little-endian: the loss, then the gradient of every tensor in the order of their
                                numbers, float64 results rounded once

The loss is the mean of -ln p(next token) over the TEXTS * (TOKENS - 1) tokens that have a next one. Norms are
differentiated by w, which is differentiation by 1 + w. Weights are made as make_logits.py has it, and transformers'
steps in f32 are made float64 as there.
"""
import json
import os

from make_logits import HERE, checksum, f32_means_f64, load, tensors, weights  # sets up the environment

import numpy as np
import torch
import transformers

from random_bits import random_bits

NAME, TEXTS, TOKENS = "gemma3-train", 2, 20
MODEL = dict(seed=5, layers=4, hidden=32, heads=4, kv_heads=2, head_size=16, ffn=48, vocabulary=64, window=8,
             attention_scalar=20, rope_factor=8, pattern=3)


def main():
    w = weights(MODEL)
    texts = [[int(t) for t in random_bits(MODEL["seed"], 1 + i, 0, TOKENS) % MODEL["vocabulary"]]
             for i in range(TEXTS)]
    with f32_means_f64():
        model = load(MODEL, w)
        ids = torch.tensor(texts)
        logits = model(ids, use_cache=False).logits[:, :-1]
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, MODEL["vocabulary"]), ids[:, 1:].reshape(-1))
        loss.backward()
        gradients = {name: p.grad.numpy() for name, p in model.named_parameters()}
    assert all(g.dtype == np.float64 for g in gradients.values())
    print(f"loss {loss.item():.6f}")
    with open(os.path.join(HERE, NAME + ".gradients.f32"), "wb") as file:
        file.write(np.float32(loss.item()).tobytes())
        for name, shape, _ in tensors(MODEL):
            assert list(gradients[name].shape) == shape
            print(f"  {name}: rms {np.sqrt((gradients[name]**2).mean()):.2e}")
            file.write(gradients[name].astype("<f4").tobytes())
    with open(os.path.join(HERE, NAME + ".tokens.txt"), "w") as file:
        file.writelines(" ".join(map(str, text)) + "\n" for text in texts)
    rows = [{"number": t, "name": n, "shape": shape, "scale": scale, "checksum": checksum(w[n])}
            for t, (n, shape, scale) in enumerate(tensors(MODEL))]
    with open(os.path.join(HERE, NAME + ".json"), "w") as file:
        file.write("{\n" + "".join(f"  {json.dumps(k)}: {json.dumps(v)},\n" for k, v in MODEL.items()) +
                   '  "tensors": [\n' + ",\n".join("    " + json.dumps(row) for row in rows) + "\n  ]\n}\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    main()

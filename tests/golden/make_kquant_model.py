# SPDX-License-Identifier: Apache-2.0
"""A random Gemma 3 as llama.cpp quantizes it to Q4_K_M with a Q6_K embedding, and what it must give.

    g++ -O2 -I LLAMA/include -I LLAMA/ggml/include tests/golden/llama_logits.cpp -o llama_logits
        -L LLAMA/build/bin -lllama -Wl,-rpath,LLAMA/build/bin
    python tests/golden/make_kquant_model.py LLAMA/build/bin/llama-quantize ./llama_logits

LLAMA is a built checkout of llama.cpp. The second line writes beside itself; running it again gives the same files

made with  llama.cpp e21cdc11a (ggml 0.9.11, CPU), Python 3.11, gguf 0.19.0, torch 2.15.0, transformers 5.23.0, numpy 2.4.6

    gemma3-kquant.gguf             the model: weights as in make_logits.py, sizes below, through llama-quantize
                                   --token-embedding-type q6_k ... Q4_K_M
    gemma3-kquant.tokens.txt       the prompt: 40 token ids, more than the window
    gemma3-kquant.logits.f32       logits of every position, [40, vocabulary] as f32: transformers in float64 with the
                                   weights that package gguf decodes, rounded once
    gemma3-kquant.greedy.txt       32 ids chosen greedily after the first 8 tokens; second line: the smallest gap on
                                   the way between the best logit and the next
    gemma3-kquant.llama.f32        logits of every position by llama.cpp, f32 keys and values, no flash attention

Widths are 256, the least that k-quants take. The first layer is local, the second global; llama-quantize gives v and
down of the second Q6_K. The embedding's scale is 1/16, so that two layers have a say beside it: a token does not simply
predict itself. The seed is one whose 32 greedy ids hold 16 different ones and no gap below 0.06.
Printed as NMSE = |x - y|^2 / |y|^2 of the logits: float64 by transformers against numpy, and llama.cpp against float64,
which is what activations of 8 bits cost.
"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import gguf
import numpy as np
import torch
import transformers

import make_logits
from make_logits import GREEDY, GREEDY_FROM, HERE, f32_means_f64, forward, load, nmse, prompt, run, weights

NAME = "gemma3-kquant"
MODEL = dict(seed=296, layers=2, hidden=256, heads=4, kv_heads=1, head_size=64, ffn=256, vocabulary=320, window=16,
             attention_scalar=64, rope_factor=1, pattern=2, embedding_scale=1 / 16)

# GGUF's names of a layer's tensors, in the order of make_logits.LAYER.
LAYER = dict(zip(make_logits.LAYER,
                 ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_q_norm", "attn_k_norm", "attn_output",
                  "post_attention_norm", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "post_ffw_norm"]))


def gguf_name(name):
    parts = name.removesuffix(".weight").split(".")
    if parts[1] != "layers":
        return {"embed_tokens": "token_embd", "norm": "output_norm"}[parts[1]] + ".weight"
    return f"blk.{parts[2]}.{LAYER['.'.join(parts[3:])]}.weight"


def write_f32(path, w):
    """The model in f32; of a norm GGUF holds 1 + w."""
    m = MODEL
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_context_length(128)
    writer.add_embedding_length(m["hidden"])
    writer.add_block_count(m["layers"])
    writer.add_feed_forward_length(m["ffn"])
    writer.add_head_count(m["heads"])
    writer.add_head_count_kv(m["kv_heads"])
    writer.add_key_length(m["head_size"])
    writer.add_value_length(m["head_size"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(m["window"])
    writer.add_uint32("gemma3.attention.sliding_window_pattern", m["pattern"])
    pieces = [("<pad>", 3), ("<eos>", 3), ("<bos>", 3), ("<unk>", 2)] + [(f"<0x{b:02X}>", 6) for b in range(256)]
    pieces += [("\u2581" + chr(0x4E00 + i), 1) for i in range(m["vocabulary"] - len(pieces))]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece for piece, _ in pieces])
    writer.add_token_scores([-float(i) for i in range(len(pieces))])
    writer.add_token_types([kind for _, kind in pieces])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    for name, x in w.items():
        writer.add_tensor(gguf_name(name), x if x.ndim == 2 else np.float32(1) + x)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def decoded(path, w):
    """The weights that the file holds, as transformers names them; and the number of tensors of each type."""
    stored, types = {}, {}
    for tensor in gguf.GGUFReader(path).tensors:
        types[tensor.tensor_type.name] = types.get(tensor.tensor_type.name, 0) + 1
        stored[tensor.name] = gguf.dequantize(tensor.data, tensor.tensor_type)
    result = {}
    for name, x in w.items():
        values = stored.pop(gguf_name(name)).reshape(x.shape).astype(np.float64)
        result[name] = values if x.ndim == 2 else values - 1
    assert not stored, stored.keys()
    return result, types


def main(quantizer, llama_logits):
    def path(suffix):
        return os.path.join(HERE, NAME + suffix)

    w, tokens = weights(MODEL), prompt(MODEL)
    with tempfile.TemporaryDirectory() as folder:
        whole = os.path.join(folder, "f32.gguf")
        write_f32(whole, w)
        subprocess.run([quantizer, "--token-embedding-type", "q6_k", whole, path(".gguf"), "Q4_K_M", "1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    w, types = decoded(path(".gguf"), w)
    with f32_means_f64():
        model = load(MODEL, w)
        logits = run(model, tokens)
        greedy, gap = tokens[:GREEDY_FROM], np.inf
        for _ in range(GREEDY):
            last = run(model, greedy)[-1]
            order = np.argsort(last)
            greedy.append(int(order[-1]))
            gap = min(gap, last[order[-1]] - last[order[-2]])
    assert logits.dtype == np.float64
    expected = forward(MODEL, w, tokens, every=MODEL["pattern"])
    assert nmse(logits, expected) < 1e-26

    def write(suffix, data):
        with open(path(suffix), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())

    write(".tokens.txt", " ".join(map(str, tokens)) + "\n")
    write(".logits.f32", logits.astype("<f4").tobytes())
    write(".greedy.txt", " ".join(map(str, greedy[GREEDY_FROM:])) + f"\n{gap:.6f}\n")
    subprocess.run([llama_logits, path(".gguf"), path(".tokens.txt"), path(".llama.f32")], check=True)
    llama = np.fromfile(path(".llama.f32"), "<f4").reshape(logits.shape)
    print(f"{os.path.getsize(path('.gguf'))} bytes, tensors {types}")
    print(f"logits within {np.abs(logits).max():.2f}, rms {np.sqrt((logits**2).mean()):.2f}, smallest gap {gap:.4f}, "
          f"{len(set(greedy[GREEDY_FROM:]))} different greedy ids")
    print(f"float64 {nmse(logits, expected):.1e}, llama.cpp {nmse(llama, logits):.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    main(*sys.argv[1:])

"""A character-level GPT: trains on a text file (by default this one), then writes some of its own.

pip install lucid-mlx
python examples/tiny_gpt.py --steps 300 my_text.txt
"""

import argparse
from itertools import islice
from pathlib import Path

import lucid
import lucid.nn.functional as F
from lucid import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.ln_1(x)).split(width, dim=2)
        q, k, v = (t.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """Token ids (batch, length) to the scores of the next token (batch, length, vocabulary)."""

    def __init__(self, vocabulary, context=64, width=128, layers=4, heads=4):
        super().__init__()
        self.context = context
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids):
        x = self.token(ids) + self.position(lucid.arange(ids.size(1), device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))

    @lucid.no_grad()
    def generate(self, ids, count, temperature=0.8):
        for _ in range(count):
            logits = self(ids[:, -self.context :])[:, -1] / temperature
            ids = lucid.cat([ids, lucid.multinomial(F.softmax(logits, dim=-1), 1)], dim=1)
        return ids


def batches(data, context, batch_size):
    offsets = lucid.arange(context)
    while True:
        starts = lucid.randint(len(data) - context, (batch_size, 1))
        yield data[starts + offsets], data[starts + offsets + 1]


def main():
    parser = argparse.ArgumentParser(description="Train a character-level GPT on a text file and generate from it.")
    parser.add_argument("text", nargs="?", type=Path, default=Path(__file__))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--generate", type=int, default=300, help="how many characters to write")
    args = parser.parse_args()

    lucid.manual_seed(0)
    text = args.text.read_text(encoding="utf-8")
    characters = sorted(set(text))
    code = {c: k for k, c in enumerate(characters)}
    data = lucid.tensor([code[c] for c in text])

    model = GPT(len(characters))
    print(f"{len(text)} characters, {sum(p.numel() for p in model.parameters())} parameters")
    if len(text) <= model.context + 1:
        raise SystemExit(f"{args.text} is too short: more than {model.context + 1} characters are needed")
    optimizer = lucid.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    for step, (x, y) in enumerate(islice(batches(data, model.context, args.batch_size), args.steps + 1)):
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        if step % 50 == 0:
            print(f"step {step:4d}  loss {loss.item():.3f}")
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    model.eval()
    prompt = lucid.tensor([[code[c] for c in text[:16]]])
    print("".join(characters[k] for k in model.generate(prompt, args.generate)[0].tolist()))


if __name__ == "__main__":
    main()

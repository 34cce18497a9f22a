"""Train a small convolutional network on scikit-learn's handwritten digits, as one does in PyTorch.

    pip install lucid-mlx scikit-learn matplotlib tqdm
    python examples/digits.py

Prints the accuracy on digits that it did not see, saves a checkpoint, reads it back and draws the loss curve.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import lucid
import lucid.nn.functional as F
from lucid import nn


class DigitNet(nn.Module):
    """Images (batch, 1, 8, 8) to the scores of ten digits (batch, 10)."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 4 * 4, 10))

    def forward(self, x):
        return self.classifier(self.features(x))


def load_data():
    digits = load_digits()
    images = (digits.images[:, None] / 16.0).astype("float32")
    split = train_test_split(images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
    return [lucid.from_numpy(array) for array in split]


def accuracy(model, images, labels):
    model.eval()
    with lucid.no_grad():
        return (model(images).argmax(dim=1) == labels).float().mean().item()


def train(model, images, labels, epochs, batch_size=64, lr=2e-3):
    optimizer = lucid.optim.AdamW(model.parameters(), lr=lr)
    losses = []
    model.train()
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for _ in progress:
        order = lucid.randperm(len(images))
        for batch in order.split(batch_size):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        progress.set_postfix(loss=f"{loss.item():.4f}")
    return [loss.item() for loss in losses]


def main():
    parser = argparse.ArgumentParser(description="Train a small CNN on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the checkpoint and the picture")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    lucid.manual_seed(0)
    train_images, test_images, train_labels, test_labels = load_data()
    model = DigitNet()
    losses = train(model, train_images, train_labels, args.epochs)
    print(f"test accuracy: {accuracy(model, test_images, test_labels):.2%}")

    checkpoint = args.out / "digits.safetensors"
    lucid.save(model.state_dict(), checkpoint)
    reloaded = DigitNet()
    reloaded.load_state_dict(lucid.load(checkpoint))
    print(f"test accuracy after reloading {checkpoint}: {accuracy(reloaded, test_images, test_labels):.2%}")

    plt.figure(figsize=(6, 4))
    plt.plot(losses)
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("cross-entropy")
    plt.tight_layout()
    plt.savefig(args.out / "digits_loss.png", dpi=120)
    print(f"loss curve: {args.out / 'digits_loss.png'}")


if __name__ == "__main__":
    main()

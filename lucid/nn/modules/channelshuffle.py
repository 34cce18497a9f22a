"""`ChannelShuffle`, where PyTorch has it too."""

from lucid.nn.modules.pixelshuffle import ChannelShuffle

__all__ = ["ChannelShuffle"]

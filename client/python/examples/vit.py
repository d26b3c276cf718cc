"""A vision transformer whose images may change their size from one step to the next.

Its table of positions belongs to images of 224 pixels and is resized to the images at hand in `forward`, so that no
parameter changes its shape: the optimiser's moments, EMA and checkpoints need no care where a stage changes the size.
The papers' code resizes table and moments instead, once between stages. The class is read from the mean of the tokens.
"""

from __future__ import annotations

from typing import Dict, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 16
"""Side of a patch in pixels: sides of images are multiples of it, as 96, 160, 192 and 224 are."""

GRID = 14
"""Side of the table of positions in patches: that of 224 pixels."""


class Size(NamedTuple):
    """How large a transformer is."""

    dim: int
    depth: int
    heads: int


SIZES: Dict[str, Size] = {
    "vit_nano": Size(64, 2, 2),  # learns little: to try things out on a CPU
    "vit_tiny": Size(192, 12, 3),
    "vit_small": Size(384, 12, 6),
    "vit_base": Size(768, 12, 12),
}


class DropPath(nn.Module):
    """Stochastic depth: leaves a residual branch out, for each image with probability `rate`, while training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        return branch * branch.new_empty(len(branch), 1, 1).bernoulli_(keep) / keep


class Block(nn.Module):
    """Attention, then a perceptron with a hidden layer of four times the width."""

    def __init__(self, size: Size, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.dim, eps=1e-6)
        self.attention = nn.MultiheadAttention(size.dim, size.heads, batch_first=True)
        self.norm2 = nn.LayerNorm(size.dim, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(size.dim, 4 * size.dim), nn.GELU(), nn.Linear(4 * size.dim, size.dim))
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.drop_path(self.attention(normed, normed, normed, need_weights=False)[0])
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class VisionTransformer(nn.Module):
    """Images (rows x 3 x B x B, B a multiple of `PATCH`) to logits (rows x classes).

    `drop_path` is the rate of the last block; that of the first is 0, and it rises evenly between them.
    """

    def __init__(self, size: Size, classes: int, drop_path: float) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, size.dim, PATCH, stride=PATCH)
        self.positions = nn.Parameter(torch.empty(1, size.dim, GRID, GRID))
        rates = [drop_path * index / max(size.depth - 1, 1) for index in range(size.depth)]
        self.blocks = nn.Sequential(*(Block(size, rate) for rate in rates))
        self.norm = nn.LayerNorm(size.dim, eps=1e-6)
        self.head = nn.Linear(size.dim, classes)
        nn.init.trunc_normal_(self.positions, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def positions_of(self, side: int) -> Tensor:
        """The table of positions for `side` x `side` patches."""
        if side == GRID:
            return self.positions
        # With antialiasing a smaller grid is made of every entry, so that all are trained from the first stage on.
        return F.interpolate(self.positions, size=(side, side), mode="bilinear", antialias=True, align_corners=False)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patches(images)
        tokens = (patches + self.positions_of(patches.shape[-1])).flatten(2).transpose(1, 2)
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(dim=1))
        return logits

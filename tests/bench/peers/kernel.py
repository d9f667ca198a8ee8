"""The numbers that answer.h's kernels are given, as PyTorch tensors."""

import torch

FACTOR_X, FACTOR_DY, FACTOR_W = 7919, 104729, 1299709
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def numbers(count, factor):
    return ((torch.arange(count) * factor) % 1009).float() / 504 - 1


def image(samples, size, channels, factor, layout):
    return numbers(samples * size * size * channels, factor).view(samples, size, size, channels).permute(0, 3, 1, 2).contiguous(memory_format=LAYOUTS[layout])

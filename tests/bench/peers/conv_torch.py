"""A 3x3 convolution in eager PyTorch, one thread; arguments and answers as `kernel conv`.

    python conv_torch.py SAMPLES SIZE CHANNELS forward|dx|dw channels_last|contiguous
"""

import sys

import torch

from competitor import CHECKED, compete
from kernel import FACTOR_DY, FACTOR_W, FACTOR_X, LAYOUTS, image, numbers


def main():
    samples, size, channels = map(int, sys.argv[1:4])
    way, layout = sys.argv[4:6]
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    x, dy = (image(samples, size, channels, factor, layout) for factor in (FACTOR_X, FACTOR_DY))
    w = numbers(9 * channels * channels, FACTOR_W).view(3, 3, channels, channels).permute(3, 2, 0, 1).contiguous(memory_format=LAYOUTS[layout])

    def backward(mask):
        return torch.ops.aten.convolution_backward(dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, mask)

    def product():
        if way == "forward":
            return torch.conv2d(x, w, None, 1, 1)
        return backward([True, False, False])[0] if way == "dx" else backward([False, True, False])[1]

    def run():
        with torch.no_grad():
            for _ in range(4):
                product()
        return 4, 0.0

    made = product()
    compete((made.permute(2, 3, 1, 0) if way == "dw" else made.permute(0, 2, 3, 1)).flatten()[:CHECKED].tolist(), run)


if __name__ == "__main__":
    main()

"""Trainings with a warm-up in steps, the inverse square root, decay of matrices alone, label smoothing, and gradients of several micro-batches, as train.py has them: train_keys.cases.

    python tests/golden/train_keys.py build/normlab        writes tests/golden/train_keys.safetensors
"""

import train

if __name__ == "__main__":
    train.store(train.judge("train_keys"), "train_keys", "train_keys.py")

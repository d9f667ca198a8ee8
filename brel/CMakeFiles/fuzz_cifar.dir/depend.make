# Empty dependencies file for fuzz_cifar.
# This may be replaced when dependencies are built.

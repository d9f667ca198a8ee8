# Empty compiler generated dependencies file for test_cuda_precision.
# This may be replaced when dependencies are built.

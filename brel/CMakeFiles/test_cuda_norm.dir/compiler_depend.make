# Empty compiler generated dependencies file for test_cuda_norm.
# This may be replaced when dependencies are built.

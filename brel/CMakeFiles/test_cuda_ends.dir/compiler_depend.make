# Empty compiler generated dependencies file for test_cuda_ends.
# This may be replaced when dependencies are built.

# Empty compiler generated dependencies file for test_cuda_operations.
# This may be replaced when dependencies are built.

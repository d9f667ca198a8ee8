# Empty compiler generated dependencies file for test_cuda_launches.
# This may be replaced when dependencies are built.

# Empty dependencies file for test_cuda_order.
# This may be replaced when dependencies are built.

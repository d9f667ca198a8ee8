# Empty dependencies file for host_cuda.
# This may be replaced when dependencies are built.

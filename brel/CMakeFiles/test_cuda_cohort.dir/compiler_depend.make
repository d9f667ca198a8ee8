# Empty compiler generated dependencies file for test_cuda_cohort.
# This may be replaced when dependencies are built.

# Empty dependencies file for test_arrays.
# This may be replaced when dependencies are built.

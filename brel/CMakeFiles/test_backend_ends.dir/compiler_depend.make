# Empty compiler generated dependencies file for test_backend_ends.
# This may be replaced when dependencies are built.

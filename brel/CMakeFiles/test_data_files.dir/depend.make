# Empty dependencies file for test_data_files.
# This may be replaced when dependencies are built.

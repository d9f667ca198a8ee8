# Empty dependencies file for test_golden_train.
# This may be replaced when dependencies are built.

# Empty compiler generated dependencies file for test_cohort.
# This may be replaced when dependencies are built.

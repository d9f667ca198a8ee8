# Empty dependencies file for test_config_load.
# This may be replaced when dependencies are built.

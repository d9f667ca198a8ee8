# Empty compiler generated dependencies file for fuzz_yaml.
# This may be replaced when dependencies are built.

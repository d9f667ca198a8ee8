# Empty dependencies file for fuzz_record.
# This may be replaced when dependencies are built.

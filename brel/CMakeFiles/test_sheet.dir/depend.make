# Empty dependencies file for test_sheet.
# This may be replaced when dependencies are built.

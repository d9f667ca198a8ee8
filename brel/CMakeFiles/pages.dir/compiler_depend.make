# Empty custom commands generated dependencies file for pages.
# This may be replaced when dependencies are built.

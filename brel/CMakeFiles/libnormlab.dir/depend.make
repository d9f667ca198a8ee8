# Empty dependencies file for libnormlab.
# This may be replaced when dependencies are built.

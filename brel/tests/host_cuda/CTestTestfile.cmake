# CMake generated Testfile for 
# Source directory: /tmp/w/lead/tests/host_cuda
# Build directory: /tmp/w/lead/brel/tests/host_cuda
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.

file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_ends.dir/tests/test_cuda_ends.c.o"
  "CMakeFiles/test_cuda_ends.dir/tests/test_cuda_ends.c.o.d"
  "test_cuda_ends"
  "test_cuda_ends.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_ends.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_norm.dir/tests/test_cuda_norm.c.o"
  "CMakeFiles/test_cuda_norm.dir/tests/test_cuda_norm.c.o.d"
  "test_cuda_norm"
  "test_cuda_norm.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_norm.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_precision.dir/tests/test_cuda_precision.c.o"
  "CMakeFiles/test_cuda_precision.dir/tests/test_cuda_precision.c.o.d"
  "test_cuda_precision"
  "test_cuda_precision.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_precision.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

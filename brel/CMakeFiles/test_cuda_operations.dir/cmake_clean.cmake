file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_operations.dir/tests/test_cuda_operations.c.o"
  "CMakeFiles/test_cuda_operations.dir/tests/test_cuda_operations.c.o.d"
  "test_cuda_operations"
  "test_cuda_operations.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_operations.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_launches.dir/tests/test_cuda_launches.c.o"
  "CMakeFiles/test_cuda_launches.dir/tests/test_cuda_launches.c.o.d"
  "test_cuda_launches"
  "test_cuda_launches.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_launches.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_cohort.dir/tests/test_cuda_cohort.c.o"
  "CMakeFiles/test_cuda_cohort.dir/tests/test_cuda_cohort.c.o.d"
  "test_cuda_cohort"
  "test_cuda_cohort.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_cohort.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

file(REMOVE_RECURSE
  "CMakeFiles/test_cohort.dir/tests/test_cohort.c.o"
  "CMakeFiles/test_cohort.dir/tests/test_cohort.c.o.d"
  "test_cohort"
  "test_cohort.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cohort.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

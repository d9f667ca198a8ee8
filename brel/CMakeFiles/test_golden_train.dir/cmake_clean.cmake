file(REMOVE_RECURSE
  "CMakeFiles/test_golden_train.dir/tests/test_golden_train.c.o"
  "CMakeFiles/test_golden_train.dir/tests/test_golden_train.c.o.d"
  "test_golden_train"
  "test_golden_train.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_golden_train.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

file(REMOVE_RECURSE
  "CMakeFiles/test_arrays.dir/tests/test_arrays.c.o"
  "CMakeFiles/test_arrays.dir/tests/test_arrays.c.o.d"
  "test_arrays"
  "test_arrays.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_arrays.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

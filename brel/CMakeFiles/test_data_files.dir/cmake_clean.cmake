file(REMOVE_RECURSE
  "CMakeFiles/test_data_files.dir/tests/test_data_files.c.o"
  "CMakeFiles/test_data_files.dir/tests/test_data_files.c.o.d"
  "test_data_files"
  "test_data_files.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_data_files.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

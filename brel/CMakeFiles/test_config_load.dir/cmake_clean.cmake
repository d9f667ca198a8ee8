file(REMOVE_RECURSE
  "CMakeFiles/test_config_load.dir/tests/test_config_load.c.o"
  "CMakeFiles/test_config_load.dir/tests/test_config_load.c.o.d"
  "test_config_load"
  "test_config_load.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_config_load.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

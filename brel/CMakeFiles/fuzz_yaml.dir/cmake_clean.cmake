file(REMOVE_RECURSE
  "CMakeFiles/fuzz_yaml.dir/tests/fuzz/replay.c.o"
  "CMakeFiles/fuzz_yaml.dir/tests/fuzz/replay.c.o.d"
  "CMakeFiles/fuzz_yaml.dir/tests/fuzz/yaml.c.o"
  "CMakeFiles/fuzz_yaml.dir/tests/fuzz/yaml.c.o.d"
  "fuzz_yaml"
  "fuzz_yaml.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/fuzz_yaml.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

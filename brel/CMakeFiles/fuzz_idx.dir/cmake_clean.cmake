file(REMOVE_RECURSE
  "CMakeFiles/fuzz_idx.dir/tests/fuzz/idx.c.o"
  "CMakeFiles/fuzz_idx.dir/tests/fuzz/idx.c.o.d"
  "CMakeFiles/fuzz_idx.dir/tests/fuzz/replay.c.o"
  "CMakeFiles/fuzz_idx.dir/tests/fuzz/replay.c.o.d"
  "fuzz_idx"
  "fuzz_idx.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/fuzz_idx.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

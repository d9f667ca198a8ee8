file(REMOVE_RECURSE
  "CMakeFiles/fuzz_record.dir/tests/fuzz/record.c.o"
  "CMakeFiles/fuzz_record.dir/tests/fuzz/record.c.o.d"
  "CMakeFiles/fuzz_record.dir/tests/fuzz/replay.c.o"
  "CMakeFiles/fuzz_record.dir/tests/fuzz/replay.c.o.d"
  "fuzz_record"
  "fuzz_record.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/fuzz_record.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

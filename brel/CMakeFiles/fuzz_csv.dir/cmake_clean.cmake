file(REMOVE_RECURSE
  "CMakeFiles/fuzz_csv.dir/tests/fuzz/csv.c.o"
  "CMakeFiles/fuzz_csv.dir/tests/fuzz/csv.c.o.d"
  "CMakeFiles/fuzz_csv.dir/tests/fuzz/replay.c.o"
  "CMakeFiles/fuzz_csv.dir/tests/fuzz/replay.c.o.d"
  "fuzz_csv"
  "fuzz_csv.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/fuzz_csv.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

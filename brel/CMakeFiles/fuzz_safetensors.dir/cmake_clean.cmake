file(REMOVE_RECURSE
  "CMakeFiles/fuzz_safetensors.dir/tests/fuzz/replay.c.o"
  "CMakeFiles/fuzz_safetensors.dir/tests/fuzz/replay.c.o.d"
  "CMakeFiles/fuzz_safetensors.dir/tests/fuzz/safetensors.c.o"
  "CMakeFiles/fuzz_safetensors.dir/tests/fuzz/safetensors.c.o.d"
  "fuzz_safetensors"
  "fuzz_safetensors.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/fuzz_safetensors.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

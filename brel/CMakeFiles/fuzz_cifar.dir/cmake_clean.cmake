file(REMOVE_RECURSE
  "CMakeFiles/fuzz_cifar.dir/tests/fuzz/cifar.c.o"
  "CMakeFiles/fuzz_cifar.dir/tests/fuzz/cifar.c.o.d"
  "CMakeFiles/fuzz_cifar.dir/tests/fuzz/replay.c.o"
  "CMakeFiles/fuzz_cifar.dir/tests/fuzz/replay.c.o.d"
  "fuzz_cifar"
  "fuzz_cifar.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/fuzz_cifar.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

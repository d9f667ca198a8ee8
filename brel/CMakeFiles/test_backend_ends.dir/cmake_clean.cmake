file(REMOVE_RECURSE
  "CMakeFiles/test_backend_ends.dir/tests/test_backend_ends.c.o"
  "CMakeFiles/test_backend_ends.dir/tests/test_backend_ends.c.o.d"
  "test_backend_ends"
  "test_backend_ends.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_backend_ends.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

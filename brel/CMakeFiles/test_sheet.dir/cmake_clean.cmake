file(REMOVE_RECURSE
  "CMakeFiles/test_sheet.dir/tests/test_sheet.c.o"
  "CMakeFiles/test_sheet.dir/tests/test_sheet.c.o.d"
  "test_sheet"
  "test_sheet.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_sheet.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

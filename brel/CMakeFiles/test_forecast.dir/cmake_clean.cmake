file(REMOVE_RECURSE
  "CMakeFiles/test_forecast.dir/tests/test_forecast.c.o"
  "CMakeFiles/test_forecast.dir/tests/test_forecast.c.o.d"
  "test_forecast"
  "test_forecast.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_forecast.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

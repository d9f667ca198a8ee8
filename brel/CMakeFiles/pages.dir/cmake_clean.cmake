file(REMOVE_RECURSE
  "CMakeFiles/pages"
  "man/normlab.1.gz"
  "normlab.schema.json"
)

# Per-language clean rules from dependency scanning.
foreach(lang )
  include(CMakeFiles/pages.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

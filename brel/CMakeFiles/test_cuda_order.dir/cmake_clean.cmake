file(REMOVE_RECURSE
  "CMakeFiles/test_cuda_order.dir/tests/test_cuda_order.c.o"
  "CMakeFiles/test_cuda_order.dir/tests/test_cuda_order.c.o.d"
  "test_cuda_order"
  "test_cuda_order.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C)
  include(CMakeFiles/test_cuda_order.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

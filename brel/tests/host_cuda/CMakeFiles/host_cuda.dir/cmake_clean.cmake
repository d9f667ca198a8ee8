file(REMOVE_RECURSE
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/conv.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/conv.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/ends.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/ends.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/linear.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/linear.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/memory.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/memory.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_columns.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_columns.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_sets.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_sets.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/order.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/order.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pointwise.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pointwise.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pool.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pool.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/table.c.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/table.c.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/update.cu.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/update.cu.o.d"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/registry.c.o"
  "CMakeFiles/host_cuda.dir/__/__/core/backend/registry.c.o.d"
  "CMakeFiles/host_cuda.dir/count.cu.o"
  "CMakeFiles/host_cuda.dir/count.cu.o.d"
  "libhost_cuda.a"
  "libhost_cuda.pdb"
)

# Per-language clean rules from dependency scanning.
foreach(lang C CXX)
  include(CMakeFiles/host_cuda.dir/cmake_clean_${lang}.cmake OPTIONAL)
endforeach()

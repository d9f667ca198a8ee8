
# Consider dependencies only in project.
set(CMAKE_DEPENDS_IN_PROJECT_ONLY OFF)

# The set of languages for which implicit dependencies are needed:
set(CMAKE_DEPENDS_LANGUAGES
  )

# The set of dependency files which are needed:
set(CMAKE_DEPENDS_DEPENDENCY_FILES
  "/tmp/w/lead/core/backend/cuda/table.c" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/table.c.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/table.c.o.d"
  "/tmp/w/lead/core/backend/registry.c" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/registry.c.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/registry.c.o.d"
  "/tmp/w/lead/core/backend/cuda/conv.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/conv.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/conv.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/ends.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/ends.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/ends.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/linear.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/linear.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/linear.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/memory.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/memory.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/memory.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/normalize.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/normalize_columns.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_columns.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_columns.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/normalize_sets.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_sets.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/normalize_sets.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/order.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/order.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/order.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/pointwise.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pointwise.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pointwise.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/pool.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pool.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/pool.cu.o.d"
  "/tmp/w/lead/core/backend/cuda/update.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/update.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/__/__/core/backend/cuda/update.cu.o.d"
  "/tmp/w/lead/tests/host_cuda/count.cu" "tests/host_cuda/CMakeFiles/host_cuda.dir/count.cu.o" "gcc" "tests/host_cuda/CMakeFiles/host_cuda.dir/count.cu.o.d"
  )

# Targets to which this target links.
set(CMAKE_TARGET_LINKED_INFO_FILES
  )

# Fortran module output directory.
set(CMAKE_Fortran_TARGET_MODULE_DIR "")

# Which operations a backend has a kernel of its own for: those that its files define with NL_CPU_KERNEL(NAME), NL_CUDA_KERNEL(NAME, ...) or
# NL_CUDA_KERNEL_IN_PARTS(NAME, ...) at the beginning of a line. nl_list_kernels(cpu) writes them to cpu_kernels.def, a line KERNEL(NAME) each, which the
# backend's table.c includes.
set(NL_KERNEL_LISTS ${CMAKE_BINARY_DIR}/kernels) # its folder
function(nl_list_kernels backend)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${backend}/*.c ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${backend}/*.cu)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  set(list "")
  foreach(file ${files})
    file(STRINGS ${file} lines REGEX "^NL_(CPU|CUDA)_KERNEL(_IN_PARTS)?\\(")
    foreach(line ${lines})
      string(REGEX REPLACE "^[A-Z_]+\\(([a-z0-9_]+).*" "KERNEL(\\1)\n" line "${line}")
      string(APPEND list "${line}")
    endforeach()
  endforeach()
  file(WRITE ${NL_KERNEL_LISTS}/${backend}_kernels.def.new "${list}")
  configure_file(${NL_KERNEL_LISTS}/${backend}_kernels.def.new ${NL_KERNEL_LISTS}/${backend}_kernels.def COPYONLY)
endfunction()

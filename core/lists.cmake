# Lists that are read off the sources when the build is configured, so that nobody writes them a second time. They lie in the folder NL_LISTS.
#
#   cpu_kernels.def, cuda_kernels.def  KERNEL(NAME) of each operation that the backend has a kernel of its own for: of the lines of its files that begin with
#                                      NL_CPU_KERNEL(NAME), NL_CUDA_KERNEL(NAME, ...) or NL_CUDA_KERNEL_IN_PARTS(NAME, ...). The backend's table.c includes it.
#   operation/hyper.def                HYPER(SECTION, FIELD) of each key that kernels read at run time: of the lines HYPER_KEY(SECTION, FIELD, ...) of
#                                      core/config/keys.def. struct nl_hyper (core/operation/kernel.h) is made from it.
set(NL_LISTS ${CMAKE_BINARY_DIR}/lists)
include_directories(${NL_LISTS})

# A line that matches becomes the replacement, and a new list takes the old one's place only where it differs: no more is compiled anew than has to be.
function(nl_list name regex replacement)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
  set(list "")
  foreach(file ${ARGN})
    file(STRINGS ${file} lines REGEX "${regex}")
    foreach(line ${lines})
      string(REGEX REPLACE "${regex}.*" "${replacement}\n" line "${line}")
      string(APPEND list "${line}")
    endforeach()
  endforeach()
  file(WRITE ${NL_LISTS}/${name}.new "${list}")
  configure_file(${NL_LISTS}/${name}.new ${NL_LISTS}/${name} COPYONLY)
endfunction()

foreach(backend cpu cuda)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/backend/${backend}/*.c ${CMAKE_CURRENT_LIST_DIR}/backend/${backend}/*.cu)
  nl_list(${backend}_kernels.def "^NL_(CPU|CUDA)_KERNEL(_IN_PARTS)?\\(([a-z0-9_]+)" "KERNEL(\\3)" ${files})
endforeach()
nl_list(operation/hyper.def "^HYPER_KEY\\(([a-z]+), ([a-z0-9_]+)," "HYPER(\\1, \\2)" ${CMAKE_CURRENT_LIST_DIR}/config/keys.def)

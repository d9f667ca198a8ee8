# What `cmake --install` puts where: the program with its manual pages, completions, schema and examples (component program), and the
# library that it is made of (component development). Every path is relative to the prefix, which may be moved afterwards.
#
# The library is static: its functions may change from version to version, and a program that was linked stays what it was.
include(GNUInstallDirs)
set(share ${CMAKE_INSTALL_DATADIR}/normlab)

install(TARGETS normlab COMPONENT program)
install(DIRECTORY configs experiments plots DESTINATION ${share} COMPONENT program
        FILES_MATCHING PATTERN "*.yaml" PATTERN "*.gp" PATTERN terminal EXCLUDE)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)

# From the program itself, so that they say what it does.
set(schema ${CMAKE_CURRENT_BINARY_DIR}/normlab.schema.json)
set(manual ${CMAKE_CURRENT_BINARY_DIR}/man)
string(TIMESTAMP today "%Y-%m-%d" UTC) # of SOURCE_DATE_EPOCH, where that is set
add_custom_command(OUTPUT ${schema} COMMAND normlab schema > ${schema} DEPENDS normlab VERBATIM)
set(pages results.5 experiments.7 plots.7 core.7) # the README.md of these folders
foreach(page IN LISTS pages)
  string(REGEX REPLACE "[.].*" "" place ${page})
  string(REPLACE core code name ${page})
  list(APPEND documents ${CMAKE_CURRENT_SOURCE_DIR}/${place}/README.md)
  list(APPEND further normlab-${name}=${CMAKE_CURRENT_SOURCE_DIR}/${place}/README.md)
endforeach()
add_custom_command(OUTPUT ${manual}/normlab.1.gz COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual}
                   COMMAND normlab manual ${manual} ${further} --date ${today} COMMAND gzip -9nr ${manual} DEPENDS normlab ${documents} VERBATIM)
add_custom_target(pages ALL DEPENDS ${schema} ${manual}/normlab.1.gz)
install(FILES ${schema} DESTINATION ${share} COMPONENT program)
foreach(section 1 5 7)
  install(DIRECTORY ${manual}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT program FILES_MATCHING PATTERN "*.${section}.gz")
endforeach()

install(FILES cmd/install/normlab.bash RENAME normlab DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
foreach(folder site-functions vendor-completions) # zsh looks into the first below /usr/local, Debian's into the second below /usr
  install(FILES cmd/install/normlab.zsh RENAME _normlab DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${folder} COMPONENT program)
endforeach()
install(FILES cmd/install/normlab.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)

# The contracts of the stages; a program includes them as <normlab/train/train.h>, or with pkg-config's flags as "train/train.h".
file(GLOB operations RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/core CONFIGURE_DEPENDS core/operation/*.h core/norm/*.h core/norm/*.def)
list(FILTER operations EXCLUDE REGEX "/(product|original|reference|activation|own|describe|formula_call).h") # for the sources of operations alone
foreach(header ${operations} backend/backend.h base/choices.h base/optimizers.def base/error.h base/everywhere.h base/hash.h base/lists.h base/memory.h base/npy.h base/random.h
               base/safetensors.h base/sizes.h config/config.h config/diagnostics.h config/keys.def config/questions.def data/alphabet.h data/data.h formula/formula.h formula/operators.def graph/graph.h model/model.h optimizer/optimizer.h train/train.h)
  get_filename_component(stage ${header} DIRECTORY)
  install(FILES core/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/normlab/${stage} COMPONENT development)
endforeach()
install(FILES ${NL_LISTS}/operation/hyper.def DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/normlab/operation COMPONENT development)
install(TARGETS libnormlab ARCHIVE COMPONENT development)
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libnormlab-dev COMPONENT development)

# What the library needs at the link, as it was found: modules by name, the rest (pthreads, the run-time of CUDA) as it stands.
set(PC_LIBS "-lm ${CMAKE_THREAD_LIBS_INIT}")
foreach(library IN LISTS CMAKE_DL_LIBS)
  string(APPEND PC_LIBS " -l${library}")
endforeach()
get_target_property(parts libnormlab LINK_LIBRARIES)
foreach(pair PkgConfig::YAML=yaml-0.1 PkgConfig::NETTLE=nettle PkgConfig::EXPAT=expat ZLIB::ZLIB=zlib)
  string(REPLACE "=" ";" pair ${pair})
  list(GET pair 0 target)
  list(GET pair 1 module)
  if(target IN_LIST parts)
    list(APPEND modules ${module})
  endif()
endforeach()
list(JOIN modules ", " PC_REQUIRES)
if(CMAKE_CUDA_COMPILER)
  find_library(CUDART cudart_static HINTS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES})
  string(APPEND PC_LIBS " ${CUDART} -lstdc++ -lrt")
endif()
file(RELATIVE_PATH PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmd/install/normlab.pc.in normlab.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/normlab.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# `cpack -G DEB` in the build folder makes Debian packages of the components: normlab and libnormlab-dev.
set(CPACK_PACKAGE_NAME normlab)
set(CPACK_PACKAGE_CONTACT "the developers of normlab <normlab@localhost>" CACHE STRING "who answers for the package: Name <address>")
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "laboratory for normalization in neural networks
Trains the same network with different normalizers over grids of batch size,
learning rate, placement and seed, draws the pictures, and says with
confidence intervals which claims hold.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME normlab)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "ca-certificates, gnuplot-nox | gnuplot, libcurl4 | libcurl4t64, libarchive13 | libarchive13t64, libopenblas0") # what is loaded, not linked
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "laboratory for normalization in neural networks (development files)
The static library that normlab is made of, with headers and pkg-config file.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libnormlab-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libc6-dev, libexpat1-dev, libyaml-dev, nettle-dev, zlib1g-dev")
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/changelog "normlab (${PROJECT_VERSION}) unstable; urgency=low\n\n  * Made from the sources of this version.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
execute_process(COMMAND gzip -9nf ${CMAKE_CURRENT_BINARY_DIR}/changelog)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libnormlab-dev COMPONENT development)
include(CPack)

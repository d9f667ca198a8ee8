
# Consider dependencies only in project.
set(CMAKE_DEPENDS_IN_PROJECT_ONLY OFF)

# The set of languages for which implicit dependencies are needed:
set(CMAKE_DEPENDS_LANGUAGES
  )

# The set of dependency files which are needed:
set(CMAKE_DEPENDS_DEPENDENCY_FILES
  "/tmp/w/lead/cmd/check.c" "CMakeFiles/normlab.dir/cmd/check.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/check.c.o.d"
  "/tmp/w/lead/cmd/clean.c" "CMakeFiles/normlab.dir/cmd/clean.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/clean.c.o.d"
  "/tmp/w/lead/cmd/common.c" "CMakeFiles/normlab.dir/cmd/common.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/common.c.o.d"
  "/tmp/w/lead/cmd/complete.c" "CMakeFiles/normlab.dir/cmd/complete.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/complete.c.o.d"
  "/tmp/w/lead/cmd/data.c" "CMakeFiles/normlab.dir/cmd/data.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/data.c.o.d"
  "/tmp/w/lead/cmd/diff.c" "CMakeFiles/normlab.dir/cmd/diff.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/diff.c.o.d"
  "/tmp/w/lead/cmd/dry_run.c" "CMakeFiles/normlab.dir/cmd/dry_run.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/dry_run.c.o.d"
  "/tmp/w/lead/cmd/eval.c" "CMakeFiles/normlab.dir/cmd/eval.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/eval.c.o.d"
  "/tmp/w/lead/cmd/fetch/catalogue.c" "CMakeFiles/normlab.dir/cmd/fetch/catalogue.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/fetch/catalogue.c.o.d"
  "/tmp/w/lead/cmd/fetch/download.c" "CMakeFiles/normlab.dir/cmd/fetch/download.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/fetch/download.c.o.d"
  "/tmp/w/lead/cmd/fetch/fetch.c" "CMakeFiles/normlab.dir/cmd/fetch/fetch.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/fetch/fetch.c.o.d"
  "/tmp/w/lead/cmd/fetch/unpack.c" "CMakeFiles/normlab.dir/cmd/fetch/unpack.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/fetch/unpack.c.o.d"
  "/tmp/w/lead/cmd/info.c" "CMakeFiles/normlab.dir/cmd/info.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/info.c.o.d"
  "/tmp/w/lead/cmd/init.c" "CMakeFiles/normlab.dir/cmd/init.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/init.c.o.d"
  "/tmp/w/lead/cmd/interrupt.c" "CMakeFiles/normlab.dir/cmd/interrupt.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/interrupt.c.o.d"
  "/tmp/w/lead/cmd/keys.c" "CMakeFiles/normlab.dir/cmd/keys.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/keys.c.o.d"
  "/tmp/w/lead/cmd/ls.c" "CMakeFiles/normlab.dir/cmd/ls.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/ls.c.o.d"
  "/tmp/w/lead/cmd/main.c" "CMakeFiles/normlab.dir/cmd/main.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/main.c.o.d"
  "/tmp/w/lead/cmd/manual.c" "CMakeFiles/normlab.dir/cmd/manual.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/manual.c.o.d"
  "/tmp/w/lead/cmd/merge.c" "CMakeFiles/normlab.dir/cmd/merge.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/merge.c.o.d"
  "/tmp/w/lead/cmd/norm.c" "CMakeFiles/normlab.dir/cmd/norm.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/norm.c.o.d"
  "/tmp/w/lead/cmd/page.c" "CMakeFiles/normlab.dir/cmd/page.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/page.c.o.d"
  "/tmp/w/lead/cmd/plot.c" "CMakeFiles/normlab.dir/cmd/plot.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/plot.c.o.d"
  "/tmp/w/lead/cmd/progress.c" "CMakeFiles/normlab.dir/cmd/progress.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/progress.c.o.d"
  "/tmp/w/lead/cmd/run.c" "CMakeFiles/normlab.dir/cmd/run.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/run.c.o.d"
  "/tmp/w/lead/cmd/schema.c" "CMakeFiles/normlab.dir/cmd/schema.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/schema.c.o.d"
  "/tmp/w/lead/cmd/share.c" "CMakeFiles/normlab.dir/cmd/share.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/share.c.o.d"
  "/tmp/w/lead/cmd/show.c" "CMakeFiles/normlab.dir/cmd/show.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/show.c.o.d"
  "/tmp/w/lead/cmd/sweep.c" "CMakeFiles/normlab.dir/cmd/sweep.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/sweep.c.o.d"
  "/tmp/w/lead/cmd/table.c" "CMakeFiles/normlab.dir/cmd/table.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/table.c.o.d"
  "/tmp/w/lead/cmd/usage.c" "CMakeFiles/normlab.dir/cmd/usage.c.o" "gcc" "CMakeFiles/normlab.dir/cmd/usage.c.o.d"
  )

# Targets to which this target links.
set(CMAKE_TARGET_LINKED_INFO_FILES
  "/tmp/w/lead/brel/CMakeFiles/libnormlab.dir/DependInfo.cmake"
  )

# Fortran module output directory.
set(CMAKE_Fortran_TARGET_MODULE_DIR "")

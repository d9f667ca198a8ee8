CMakeFiles/libnormlab.dir/core/data/digits.c.o: \
 /tmp/w/lead/core/data/digits.c /usr/include/stdc-predef.h \
 /tmp/w/lead/core/data/digits_pixels.h /tmp/w/lead/core/data/sources.h \
 /usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h \
 /tmp/w/lead/core/base/npy.h /tmp/w/lead/core/base/error.h \
 /tmp/w/lead/core/data/data.h \
 /usr/lib/gcc/x86_64-linux-gnu/12/include/stdbool.h \
 /usr/lib/gcc/x86_64-linux-gnu/12/include/stdint.h /usr/include/stdint.h \
 /usr/include/x86_64-linux-gnu/bits/libc-header-start.h \
 /usr/include/features.h /usr/include/features-time64.h \
 /usr/include/x86_64-linux-gnu/bits/wordsize.h \
 /usr/include/x86_64-linux-gnu/bits/timesize.h \
 /usr/include/x86_64-linux-gnu/sys/cdefs.h \
 /usr/include/x86_64-linux-gnu/bits/long-double.h \
 /usr/include/x86_64-linux-gnu/gnu/stubs.h \
 /usr/include/x86_64-linux-gnu/gnu/stubs-64.h \
 /usr/include/x86_64-linux-gnu/bits/types.h \
 /usr/include/x86_64-linux-gnu/bits/typesizes.h \
 /usr/include/x86_64-linux-gnu/bits/time64.h \
 /usr/include/x86_64-linux-gnu/bits/wchar.h \
 /usr/include/x86_64-linux-gnu/bits/stdint-intn.h \
 /usr/include/x86_64-linux-gnu/bits/stdint-uintn.h \
 /tmp/w/lead/core/base/random.h /tmp/w/lead/core/base/everywhere.h \
 /tmp/w/lead/core/config/config.h /tmp/w/lead/core/config/diagnostics.h \
 /tmp/w/lead/core/config/keys.def

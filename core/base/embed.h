/* Files that the program carries, put in by the assembler. */
#ifndef NL_BASE_EMBED_H
#define NL_BASE_EMBED_H

#include "base/system.h"

/* Declares and defines name[], the bytes of the file, and name_end[], where they end; outside functions. path: a string
 * literal; the build must know that the object depends on the file. The names are global: on arm64 local ones would
 * share a place in the GOT. */
#define NL_EMBED_LABEL(name) ".globl " NL_ASSEMBLER_NAME(name) "\n" NL_ASSEMBLER_NAME(name) ":\n"
#define NL_EMBED(name, path)                                                                                           \
    extern const unsigned char name[], name##_end[];                                                                   \
    __asm__(".pushsection " NL_READ_ONLY_SECTION "\n"                                                                  \
            ".balign 16\n" NL_EMBED_LABEL(#name) ".incbin \"" path                                                     \
                                                 "\"\n" NL_EMBED_LABEL(#name "_end") ".popsection\n")

#endif

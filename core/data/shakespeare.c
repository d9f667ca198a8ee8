/* Holds the packed text in the program, and unpacks it with zlib. */
#include "data/shakespeare.h"

#include <stdint.h>
#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/system.h"

/* The file as it is, put in by the assembler; NORMLAB_SHAKESPEARE is its path. */
extern const unsigned char nl_shakespeare_packed[], nl_shakespeare_packed_end[];
#define LABEL(name)                                                                                                    \
    ".globl " NL_ASSEMBLER_NAME(name) "\n" NL_ASSEMBLER_NAME(                                                          \
        name) ":\n" /* global: on arm64 local ones would share a place in the GOT */
__asm__(".pushsection " NL_READ_ONLY_SECTION "\n"
        ".balign 16\n"
        LABEL("nl_shakespeare_packed")
        ".incbin \"" NORMLAB_SHAKESPEARE "\"\n"
        LABEL("nl_shakespeare_packed_end")
        ".popsection\n");

char *nl_shakespeare(void)
{
    enum { GZIP = 16 };
    char *text = nl_alloc(NL_SHAKESPEARE_BYTES + 1, 1);
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)nl_shakespeare_packed,
                       .avail_in = (uInt)(nl_shakespeare_packed_end - nl_shakespeare_packed),
                       .next_out = (unsigned char *)text,
                       .avail_out = NL_SHAKESPEARE_BYTES};
    if (inflateInit2(&stream, GZIP + MAX_WBITS) != Z_OK)
        nl_out_of_memory(0);
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (status == Z_MEM_ERROR)
        nl_out_of_memory(0);
    NL_ASSERT(status == Z_STREAM_END && stream.avail_out == 0);
    return text;
}

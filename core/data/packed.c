/* Holds the packed data in the program, and unpacks them with zlib. */
#include "data/packed.h"

#include <zlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/system.h"

/* The files as they are, put in by the assembler; NORMLAB_DATA_FOLDER is where they lie. The names are global: on arm64
 * local ones would share a place in the GOT. */
#define LABEL(name) ".globl " NL_ASSEMBLER_NAME(name) "\n" NL_ASSEMBLER_NAME(name) ":\n"
#define PACKED(name, file)                                                                                             \
    extern const unsigned char name[], name##_end[];                                                                   \
    __asm__(".pushsection " NL_READ_ONLY_SECTION "\n"                                                                  \
            ".balign 16\n" LABEL(#name) ".incbin \"" NORMLAB_DATA_FOLDER "/" file "\"\n" LABEL(#name "_end")           \
            ".popsection\n");

PACKED(nl_shakespeare_packed, "tinyshakespeare.txt.gz")
PACKED(nl_digits_packed, "digits.gz")

/* So many bytes, and a zero byte. */
static void *unpacked(const unsigned char *packed, const unsigned char *end, size_t bytes)
{
    enum { GZIP = 16 };
    unsigned char *out = nl_alloc(bytes + 1, 1);
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)packed,
                       .avail_in = (uInt)(end - packed),
                       .next_out = out,
                       .avail_out = (uInt)bytes};
    if (inflateInit2(&stream, GZIP + MAX_WBITS) != Z_OK)
        nl_out_of_memory(0);
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    if (status == Z_MEM_ERROR)
        nl_out_of_memory(0);
    NL_ASSERT(status == Z_STREAM_END && stream.avail_out == 0);
    return out;
}

char *nl_shakespeare(void)
{
    return unpacked(nl_shakespeare_packed, nl_shakespeare_packed_end, NL_SHAKESPEARE_BYTES);
}

uint8_t *nl_digits(void)
{
    return unpacked(nl_digits_packed, nl_digits_packed_end, NL_DIGITS_BYTES);
}

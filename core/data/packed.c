/* Holds the packed data in the program, and unpacks them with zlib. */
#include "data/packed.h"

#include <zlib.h>

#include "base/embed.h"
#include "base/error.h"
#include "base/memory.h"

NL_EMBED(nl_shakespeare_packed, NORMLAB_DATA_FOLDER "/tinyshakespeare.txt.gz");
NL_EMBED(nl_digits_packed, NORMLAB_DATA_FOLDER "/digits.gz");

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

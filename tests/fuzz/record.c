/* The record of a finished trial, with its seal put on here: the fuzzer could not, and without it nothing behind it
 * would be read. */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "fuzz.h"
#include "sweep/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char id[] = "0123456789abcdef";
    struct nl_error err = {{0}};
    struct nl_record record, again;
    struct nl_text text = {0};
    char hex[NL_HASH_HEX];
    nl_text_add_bytes(&text, (const char *)data, size);
    nl_record_parse(&record, text.at, text.length, id, &err);
    nl_record_release(&record);
    nl_hash_bytes(text.at, text.length, hex);
    nl_text_add(&text, "sha256 %s\n", hex);
    if (nl_record_parse(&record, text.at, text.length, id, &err) == NL_OK) {
        char *copy = nl_record_text(&record, id, "");
        NL_ASSERT(nl_record_parse(&again, copy, strlen(copy), id, &err) == NL_OK && nl_records_agree(&record, &again));
        nl_record_release(&again);
        free(copy);
    }
    nl_record_release(&record);
    nl_text_release(&text);
    return 0;
}

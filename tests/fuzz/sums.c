/* Checksums of results folders.
 *
 *     1 byte    what the rest is: 0, a table and, after a line "%%", SHA256SUMS; 1, a text that may end with a seal; 2,
 * an experiment.yaml, whose seal is put on here
 *
 * What was sealed here fits, and no more when a byte of it is another.
 */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/seal.h"
#include "base/sums.h"
#include "config/keep.h"
#include "fuzz.h"
#include "sweep/store.h"

/* Another byte among the first `length`: which one, and what is there instead, is drawn from the text. */
static void damage(struct nl_text *text, size_t length)
{
    char hex[NL_HASH_HEX];
    nl_hash_bytes(text->at, text->length, hex);
    size_t place = strtoul(hex + 56, NULL, 16) % length;
    text->at[place] = (char)(text->at[place] ^ (1 + hex[0] % 8));
}

static void check_sums(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"trials.csv"};
    struct nl_error err;
    const uint8_t *mark = size ? memmem(data, size, "\n%%\n", 4) : NULL;
    size_t length = mark ? (size_t)(mark - data) : size;
    const char *sums = fuzz_file(nl_sums_file, mark ? (const char *)mark + 4 : "", mark ? size - length - 4 : 0);
    const char *path = fuzz_file("trials.csv", data, length);
    nl_sums_check(path, data, length, &err);
    NL_ASSERT(nl_sums_write(FUZZ_FOLDER, names, 1, &err) == NL_OK && nl_sums_check(path, data, length, &err) == NL_OK);
    struct nl_text other = {0};
    nl_text_add_bytes(&other, (const char *)data, length);
    if (length)
        damage(&other, length);
    else
        nl_text_add(&other, "x");
    NL_ASSERT(nl_sums_check(path, other.at, other.length, &err) == NL_BAD);
    nl_text_release(&other);
    fuzz_remove(sums);
    NL_ASSERT(nl_sums_check(path, data, length, &err) == NL_OK);
}

static void check_seal(const uint8_t *data, size_t size)
{
    static const char *const marks[] = {"", "# "};
    for (int i = 0; i < 2; i++) {
        struct nl_text text = {0};
        size_t sealed;
        nl_text_add_bytes(&text, (const char *)data, size);
        nl_seal_check(text.at, size, marks[i], &sealed);
        NL_ASSERT(sealed <= size);
        nl_text_add(&text, "%s", size && data[size - 1] != '\n' ? "\n" : "");
        size_t whole = text.length;
        nl_seal_add(&text, marks[i]);
        NL_ASSERT(nl_seal_check(text.at, text.length, marks[i], &sealed) == NL_OK && sealed == whole);
        if (whole > 1) { /* without the end of its line a seal is none */
            damage(&text, whole - 1);
            NL_ASSERT(nl_seal_check(text.at, text.length, marks[i], &sealed) == NL_BAD);
        }
        nl_text_release(&text);
    }
}

static void read_experiment(const uint8_t *data, size_t size)
{
    struct nl_kept before = nl_kept_now();
    struct nl_text text = {0};
    struct nl_experiment experiment;
    struct nl_provenance made;
    struct nl_error err;
    nl_text_add_bytes(&text, (const char *)data, size);
    nl_text_add(&text, "%s", size && data[size - 1] != '\n' ? "\n" : "");
    nl_seal_add(&text, "# ");
    fuzz_file("experiment.yaml", text.at, text.length);
    if (nl_store_read(FUZZ_FOLDER, &experiment, &made, &err) == NL_OK) {
        static const char *const names[] = {"date", "numerics", "commit"};
        for (int i = 0; i < 3; i++)
            NL_ASSERT(nl_provenance_get(&made, names[i]));
        damage(&text, text.length);
        fuzz_file("experiment.yaml", text.at, text.length);
        nl_store_read(FUZZ_FOLDER, &experiment, &made, &err);
    }
    nl_text_release(&text);
    nl_keep_no_more(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(const uint8_t *, size_t) = {check_sums, check_seal, read_experiment};
    if (size > 0)
        parts[data[0] % 3](data + 1, size - 1);
    return 0;
}

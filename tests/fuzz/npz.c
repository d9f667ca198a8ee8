/* .npz archives: each member by itself, and the archive as images and labels of a data set. */
#include <string.h>

#include "base/npz.h"
#include "data/data.h"
#include "fuzz.h"

static const char *path;

/* A member begins as the whole of it does, and is as long as was said. */
static void read_members(void)
{
    enum { START = 100 };
    struct nl_error err = {{0}};
    struct nl_npz archive;
    bool good = nl_npz_open(path, &archive, &err) == NL_OK;
    for (int i = 0; good && i < archive.members; i++) {
        size_t total = 0, again = 0;
        char *whole = nl_npz_read(&archive, archive.member[i].name, SIZE_MAX, &total, &err);
        char *start = nl_npz_read(&archive, archive.member[i].name, START, &again, &err);
        NL_ASSERT(!whole || (start && again == total && total == archive.member[i].size));
        NL_ASSERT(!whole || memcmp(whole, start, total < START ? total : START) == 0);
        free(whole);
        free(start);
    }
    nl_npz_close(&archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nl_config config;
    struct nl_error err = {{0}};
    path = fuzz_file("a.npz", data, size);
    if (!config.data.dir) {
        nl_config_defaults(&config);
        config.data.name = NL_NPY;
        config.data.dir = (char *)(uintptr_t)path;
    }
    read_members();
    nl_dataset_free(nl_dataset_open(&config, &err));
    return 0;
}

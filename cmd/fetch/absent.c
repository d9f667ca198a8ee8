/* A build without libcurl or libarchive. */
#include "base/memory.h"
#include "fetch/fetch.h"

int fetch(const struct remote_set *set, const char *folder, double patience, int *fetched, struct nl_error *err)
{
    (void)patience, (void)fetched;
    struct nl_text urls = {0};
    for (int i = 0; i < set->files; i++)
        nl_text_add(&urls, "\n  %s/%s", set->mirror[0], set->file[i].name);
    nl_fail(
        err,
        "cannot fetch '%s': this normlab was built without libcurl or libarchive (libcurl4-openssl-dev, libarchive-dev); "
        "build it "
        "with them, or put these into '%s'%s:%s",
        set->name, folder, set->unpacks_to ? ", unpacked" : "", urls.at);
    nl_text_release(&urls);
    return NL_FAIL;
}

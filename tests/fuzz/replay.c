/* Feeds a target the files that the command line names, as libFuzzer's own main does: the corpus as a test, with any
 * compiler. */
#include <string.h>

#include "base/files.h"
#include "fuzz.h"

char *__real_nl_file_read(const char *path, size_t *length,
                          struct nl_error *err); /* the disk in memory has wrapped it */

int main(int count, char **path)
{
    struct nl_error err = {{0}};
    for (int i = 1; i < count; i++) {
        size_t length;
        char *text = __real_nl_file_read(path[i], &length, &err);
        if (!text) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        uint8_t *exact = malloc(length ? length : 1); /* without the byte behind the end that nl_file_read adds */
        if (!exact)
            return 1;
        memcpy(exact, text, length);
        free(text);
        LLVMFuzzerTestOneInput(exact, length);
        free(exact);
    }
    printf("%d inputs\n", count - 1);
    return count > 1 ? 0 : 1;
}

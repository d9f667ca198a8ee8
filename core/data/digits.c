/* digits: the 1797 images that the program carries, as one pool that the seed splits. Pixel bytes keep the original's
 * 0..16. */
#include <stdlib.h>
#include <string.h>

#include "data/packed.h"
#include "data/sources.h"

struct nl_dataset *nl_digits_make(struct nl_error *err)
{
    enum { COUNT = NL_DIGITS_COUNT, PIXELS = NL_DIGITS_PIXELS };
    _Static_assert(COUNT == NL_DIGITS_TRAIN + NL_DIGITS_TEST, "every digit is in one part");
    struct nl_shape shape = {.height = 8, .width = 8, .channels = 1, .classes = 10};
    struct nl_dataset *set = nl_dataset_new("digits", NL_U8, shape, COUNT, 0, err);
    if (!set)
        return NULL;
    uint8_t *digits = nl_digits();
    set->pool_test = NL_DIGITS_TEST;
    for (int i = 0; i < COUNT; i++) {
        const uint8_t *digit = digits + i * (1 + PIXELS);
        set->labels[i] = digit[0];
        memcpy(set->pixels + i * PIXELS, digit + 1, PIXELS);
    }
    free(digits);
    return set;
}

/* digits: the 1797 images that the program carries, as one pool that the seed splits. Pixel bytes keep the original's
 * 0..16. */
#include "data/digits_pixels.h"
#include "data/sources.h"

static uint8_t level(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'A' + 10);
}

struct nl_dataset *nl_digits_make(struct nl_error *err)
{
    enum { COUNT = sizeof nl_digits_pixels / sizeof nl_digits_pixels[0], PIXELS = 64 };
    _Static_assert(COUNT == NL_DIGITS_TRAIN + NL_DIGITS_TEST, "every digit is in one part");
    struct nl_shape shape = {.height = 8, .width = 8, .channels = 1, .classes = 10};
    struct nl_dataset *set = nl_dataset_new("digits", NL_U8, shape, COUNT, 0, err);
    if (set)
        set->pool_test = NL_DIGITS_TEST;
    for (int i = 0; set && i < COUNT; i++) {
        const char *line = nl_digits_pixels[i];
        set->labels[i] = level(line[0]);
        for (int p = 0; p < PIXELS; p++)
            set->pixels[i * PIXELS + p] = level(line[2 + p]);
    }
    return set;
}

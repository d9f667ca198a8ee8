/* Images as sequences (data.as). Their numbers stay in memory what they are, but for patches and permuted pixels, which
 * are moved once. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/sources.h"

int nl_arranged(struct nl_shape *shape, const struct nl_config *config, struct nl_error *err)
{
    int height = shape->height, width = shape->width, channels = shape->channels, side = (int)config->data.patch;
    shape->width = config->data.as == NL_AS_IMAGE ? width : 1;
    switch ((enum nl_data_as)config->data.as) {
    case NL_AS_IMAGE:
        return NL_OK;
    case NL_AS_ROWS:
        shape->channels = width * channels;
        return NL_OK;
    case NL_AS_PIXELS:
        shape->height = height * width;
        return NL_OK;
    case NL_AS_PATCHES:
        if (height % side || width % side)
            return nl_fail(err, "images of %d x %d cannot be cut into whole patches of %d x %d", height, width, side,
                           side);
        shape->height = (height / side) * (width / side);
        shape->channels = side * side * channels;
        return NL_OK;
    }
    NL_BUG("data.as %d", config->data.as);
}

/* from[i]: which pixel of the image is number i of the sequence. */
static void order_pixels(const struct nl_config *config, const struct nl_shape *image, int32_t *from)
{
    int pixels = image->height * image->width, side = (int)config->data.patch;
    if (config->data.as == NL_AS_PIXELS) {
        nl_stream_permutation(nl_stream(0, "permute"), 0, from, pixels);
        return;
    }
    for (int top = 0; top < image->height; top += side)
        for (int left = 0; left < image->width; left += side)
            for (int i = 0; i < side * side; i++)
                *from++ = (top + i / side) * image->width + left + i % side;
}

/* bytes: of a pixel. */
static void move_pixels(char *image, const int32_t *from, int pixels, size_t bytes, char *scratch)
{
    memcpy(scratch, image, (size_t)pixels * bytes);
    for (int i = 0; i < pixels; i++)
        memcpy(image + (size_t)i * bytes, scratch + (size_t)from[i] * bytes, bytes);
}

void nl_arrange(struct nl_dataset *set, const struct nl_config *config)
{
    struct nl_shape image = set->shape;
    int pixels = image.height * image.width;
    size_t bytes = (size_t)image.channels * (set->pixels ? sizeof *set->pixels : sizeof *set->values);
    bool moves = config->data.as == NL_AS_PATCHES || (config->data.as == NL_AS_PIXELS && config->data.permute);
    nl_arranged(&set->shape, config, NULL);
    set->colours = image.channels;
    if (!moves)
        return;
    int32_t *from = nl_alloc((size_t)pixels, sizeof *from);
    char *scratch = nl_alloc((size_t)pixels, bytes), *samples = set->pixels ? (char *)set->pixels : (char *)set->values;
    order_pixels(config, &image, from);
    for (int i = 0; i < nl_dataset_room(set); i++)
        move_pixels(samples + (size_t)i * (size_t)pixels * bytes, from, pixels, bytes, scratch);
    free(from);
    free(scratch);
}

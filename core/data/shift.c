/* Shifted data (data.shift): copies of samples whose pixels differ from those as read by a known amount.
 *
 * A shift is computed in double from pixels as read, before data.as makes sequences of images and before anything is
 * standardized, clipped to the range of the data, and rounded to the nearest byte where the data are bytes. u is a
 * pixel, a is data.shift_amount, [low, high] the range and L = high - low: 0 to 255 of bytes, 0 to 16 of digits, and of
 * float32 arrays from the smallest to the largest of all values.
 *
 *   brightness   u + a L                            Hendrycks and Dietterich, ICLR 2019 (of grey images)
 *   contrast     m + (1 - a) (u - m), m the mean of the image's channel                     as they have it
 *   blur         a Gaussian of deviation a pixels, cut off after round(4 a), edges repeated           likewise
 *   noise        u + a L n, n standard normal, drawn for each pixel and channel                       likewise
 *   rotation     by a degrees counterclockwise around the middle of the image, bilinear, low outside
 *   translation  by a pixels to the right, bilinear, low outside
 *   inversion    (1 - a) u + a (low + high - u)
 *
 * Noise is the stream "shift" of seed 0, with the sample's number in the data set as row and the pixel's as position:
 * no method and no seed has another.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/elementary.h"
#include "base/memory.h"
#include "base/random.h"
#include "config/sweep.h"
#include "data/sources.h"

/* An image (H, W, C) and what becomes of it; `scratch` has room for as much. */
struct image {
    int height, width, channels;
    double low, high, amount;
    int32_t sample; /* its number in the data set */
    const double *from;
    double *to, *scratch;
};

static size_t values_of(const struct image *image)
{
    return (size_t)image->height * (size_t)image->width * (size_t)image->channels;
}

static void brighten(const struct image *image)
{
    for (size_t i = 0; i < values_of(image); i++)
        image->to[i] = image->from[i] + image->amount * (image->high - image->low);
}

static void flatten(const struct image *image)
{
    size_t channels = (size_t)image->channels, count = values_of(image);
    for (size_t c = 0; c < channels; c++) {
        double sum = 0;
        for (size_t i = c; i < count; i += channels)
            sum += image->from[i];
        double mean = sum / (double)(count / channels);
        for (size_t i = c; i < count; i += channels)
            image->to[i] = mean + (1 - image->amount) * (image->from[i] - mean);
    }
}

/* to = from, convolved along a line of `length` numbers that lie `step` apart. */
static void blur_line(const double *from, double *to, int length, size_t step, const double *weight, int radius)
{
    for (int i = 0; i < length; i++) {
        double sum = weight[0] * from[(size_t)i * step];
        for (int k = 1; k <= radius; k++) {
            int before = i - k < 0 ? 0 : i - k, after = i + k >= length ? length - 1 : i + k;
            sum += weight[k] * (from[(size_t)before * step] + from[(size_t)after * step]);
        }
        to[(size_t)i * step] = sum;
    }
}

static void blur(const struct image *image)
{
    int radius = (int)(4 * image->amount + 0.5);
    double *weight = nl_alloc((size_t)radius + 1, sizeof *weight),
           sum = 0; /* of the pixel itself, its neighbours, ... */
    for (int k = 0; k <= radius; k++) {
        weight[k] = k ? nl_exp_below(-0.5 * k * k / (image->amount * image->amount)) : 1;
        sum += k ? 2 * weight[k] : 1;
    }
    for (int k = 0; k <= radius; k++)
        weight[k] /= sum;
    size_t channels = (size_t)image->channels, row = (size_t)image->width * channels;
    for (size_t column = 0; column < row; column++)
        blur_line(image->from + column, image->scratch + column, image->height, row, weight, radius);
    for (size_t i = 0; i < (size_t)image->height; i++)
        for (size_t c = 0; c < channels; c++)
            blur_line(image->scratch + i * row + c, image->to + i * row + c, image->width, channels, weight, radius);
    free(weight);
}

static void add_noise(const struct image *image)
{
    nl_stream_normals(nl_stream(0, "shift"), (uint64_t)image->sample, 0, values_of(image), image->scratch);
    for (size_t i = 0; i < values_of(image); i++)
        image->to[i] = image->from[i] + image->amount * (image->high - image->low) * image->scratch[i];
}

static double pixel_at(const struct image *image, double row, double column, int channel)
{
    bool inside = row >= 0 && column >= 0 && row < image->height && column < image->width;
    return inside ? image->from[((size_t)row * (size_t)image->width + (size_t)column) * (size_t)image->channels +
                                (size_t)channel]
                  : image->low;
}

/* Pixel (i, j) is taken from row i cos + j sin and column j cos - i sin around the middle, less `right` columns. */
static void move(const struct image *image, double cosine, double sine, double right)
{
    double middle_row = 0.5 * (image->height - 1), middle_column = 0.5 * (image->width - 1), *to = image->to;
    for (int i = 0; i < image->height; i++)
        for (int j = 0; j < image->width; j++) {
            double y = i - middle_row, x = j - middle_column, row = middle_row + y * cosine + x * sine,
                   column = middle_column + x * cosine - y * sine - right, top = floor(row), left = floor(column),
                   down = row - top, over = column - left;
            for (int c = 0; c < image->channels; c++) {
                double above = (1 - over) * pixel_at(image, top, left, c) + over * pixel_at(image, top, left + 1, c),
                       below = (1 - over) * pixel_at(image, top + 1, left, c) +
                               over * pixel_at(image, top + 1, left + 1, c);
                *to++ = (1 - down) * above + down * below;
            }
        }
}

static void rotate(const struct image *image)
{
    double turns = image->amount / 360, quarter = turns - 0.25;
    move(image, nl_cos_of_turns(turns - floor(turns)), nl_cos_of_turns(quarter - floor(quarter)), 0);
}

static void translate(const struct image *image)
{
    move(image, 1, 0, image->amount);
}

static void invert(const struct image *image)
{
    for (size_t i = 0; i < values_of(image); i++)
        image->to[i] =
            (1 - image->amount) * image->from[i] + image->amount * (image->low + image->high - image->from[i]);
}

/* In the order of enum nl_shift. */
static const struct {
    const char *unit;
    double low, high; /* bounds of the amount */
    bool moves;       /* pixels become mixtures of others, of which there must be some */
    void (*apply)(const struct image *image);
} kinds[] = {
    [NL_SHIFT_BRIGHTNESS] = {"the share of the range of pixels that is added", -1, 1, false, brighten},
    [NL_SHIFT_CONTRAST] = {"the share of the contrast that is taken away", -1, 1, false, flatten},
    [NL_SHIFT_BLUR] = {"a standard deviation in pixels", 0, 100, true, blur},
    [NL_SHIFT_NOISE] = {"a standard deviation as a share of the range of pixels", 0, 10, false, add_noise},
    [NL_SHIFT_ROTATION] = {"an angle in degrees, counterclockwise", -360, 360, true, rotate},
    [NL_SHIFT_TRANSLATION] = {"a distance in pixels, to the right", -512, 512, true, translate},
    [NL_SHIFT_INVERSION] = {"the share of the negative image", 0, 1, false, invert},
};

void nl_shift_check(const struct nl_config *config, struct nl_shape shape, const struct nl_experiment *experiment,
                    struct nl_diagnostics *diagnostics)
{
    const char *data = nl_data_names[config->data.name], *kind = nl_shift_names[config->data.shift];
    double amount = config->data.shift_amount;
    if (config->data.shift == NL_SHIFT_NONE)
        return;
    if (!nl_config_has_images(config) || config->data.name == NL_CSV || shape.vocabulary > 0)
        nl_complain(diagnostics, experiment, "data.shift", "'data.shift' is for images, which '%s' has not", data);
    else if (kinds[config->data.shift].moves && shape.height * shape.width == 1)
        nl_complain(diagnostics, experiment, "data.shift",
                    "'data.shift' %s moves pixels, and the samples of '%s' have one", kind, data);
    bool said = nl_origin_of(experiment, "data.shift_amount").kind != NL_FROM_DEFAULT ||
                nl_axis_with(experiment->axis, experiment->axes, nl_key_named("data.shift_amount"), NULL);
    if (amount == 0 && !said)
        nl_complain(diagnostics, experiment, "data.shift", "'data.shift' %s needs 'data.shift_amount': %s", kind,
                    kinds[config->data.shift].unit);
    if (!(amount >= kinds[config->data.shift].low && amount <= kinds[config->data.shift].high))
        nl_complain(diagnostics, experiment, "data.shift_amount",
                    "'data.shift_amount' %g is not between %g and %g: of %s it is %s", amount,
                    kinds[config->data.shift].low, kinds[config->data.shift].high, kind,
                    kinds[config->data.shift].unit);
}

/* The range of the samples' numbers. */
static void measure_range(const struct nl_dataset *set, const struct nl_config *config, size_t each,
                          struct image *image)
{
    image->low = 0;
    image->high = config->data.name == NL_DIGITS ? 16 : 255;
    if (set->pixels)
        return;
    image->low = image->high = (double)set->values[0];
    for (size_t i = 0; i < (size_t)set->count * each; i++) {
        image->low = fmin(image->low, (double)set->values[i]);
        image->high = fmax(image->high, (double)set->values[i]);
    }
}

/* The numbers of copy `at` out of those of sample image->sample. */
static void shift_sample(const struct nl_dataset *set, int kind, struct image *image, double *from, size_t at)
{
    size_t each = values_of(image), source = (size_t)image->sample * each, target = at * each;
    for (size_t i = 0; i < each; i++)
        from[i] = set->pixels ? set->pixels[source + i] : (double)set->values[source + i];
    kinds[kind].apply(image);
    for (size_t i = 0; i < each; i++) {
        double value = fmin(fmax(image->to[i], image->low), image->high);
        if (set->pixels)
            set->pixels[target + i] = (uint8_t)rint(value);
        else
            set->values[target + i] = (float)value;
    }
}

/* Room for `copies` samples after those of *set, which becomes another set with the same samples. */
static int add_room(struct nl_dataset **set, int copies, struct nl_error *err)
{
    const struct nl_dataset *old = *set;
    size_t count = (size_t)old->count, values = count * nl_sample_values(old);
    struct nl_dataset *new = nl_dataset_new(old->name, old->pixels ? NL_U8 : NL_F32, old->shape,
                                            (int64_t)old->count + copies, old->train_count, err);
    if (!new)
        return NL_FAIL;
    if (old->pixels)
        memcpy(new->pixels, old->pixels, values);
    else
        memcpy(new->values, old->values, values * sizeof *new->values);
    if (old->labels)
        memcpy(new->labels, old->labels, count * sizeof *new->labels);
    else
        memcpy(new->numbers, old->numbers, count * sizeof *new->labels);
    new->count = old->count;
    new->pool_test = old->pool_test;
    nl_text_add(&new->notes, "%s", old->notes.at ? old->notes.at : "");
    nl_dataset_free(*set);
    *set = new;
    return NL_OK;
}

int nl_shift_make(struct nl_dataset **set, const struct nl_config *config, struct nl_error *err)
{
    if (config->data.shift == NL_SHIFT_NONE)
        return NL_OK;
    /* Every sample of a pool may be in each part. */
    bool pool = (*set)->train_count == 0, tests = config->data.shift_on != NL_SHIFT_TRAIN,
         trains = config->data.shift_on != NL_SHIFT_TEST;
    int first = pool || trains ? 0 : (*set)->train_count, end = pool || tests ? (*set)->count : (*set)->train_count;
    if (add_room(set, end - first, err))
        return NL_FAIL;
    struct nl_dataset *to = *set;
    to->copies = end - first;
    to->copied_from = first;
    struct image image = {.height = to->shape.height,
                          .width = to->shape.width,
                          .channels = to->shape.channels,
                          .amount = config->data.shift_amount};
    size_t each = values_of(&image);
    measure_range(to, config, each, &image);
    double *numbers = nl_alloc(3 * each, sizeof *numbers);
    image.from = numbers;
    image.to = numbers + each;
    image.scratch = image.to + each;
    int32_t *labels = to->labels ? to->labels : to->numbers;
    for (image.sample = first; image.sample < end; image.sample++) {
        int copy = nl_copy_of(to, image.sample);
        shift_sample(to, config->data.shift, &image, numbers, (size_t)copy);
        labels[copy] = labels[image.sample];
    }
    free(numbers);
    return NL_OK;
}

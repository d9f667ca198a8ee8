/* synth: ten classes of texture, made from nothing, so that convolutional sweeps need no download.
 *
 * A pixel of a colour channel is base + contrast x (colour x [(1 - d) texture + 0.7 d distractor] + 1.6 d noise), cut
 * to a byte, where d is data.difficulty: at 0 the texture stands alone, at 1 there is none. Base, contrast and colour
 * (its sign too), place and phase are random, and every texture has mean 0 and deviation 1 over the image: no class is
 * given away by a mean, a colour or a fixed pixel, so that what is learned must be the texture. The distractor is the
 * texture of a random class. With 2048 training samples of 16x16x3 a small CNN with BN reaches 100 % at d = 0.2 and 86
 * % at 0.5, a linear classifier 20 % and chance.
 *
 * Textures are measured in pixels, not in image widths: a larger image shows more of the same. None changes its class
 * when mirrored, so that data.flip is sound.
 *
 * Sample i of a part is a function of (part, i, size, channels, difficulty): streams "synth" (training part) and
 * "synth_test", seed 0, row i. Its class is i mod 10. A larger set begins with the samples of a smaller one.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/sources.h"

enum { CLASSES = 10, MAX_CHANNELS = 16, DOTS = 12 /* a 16x16 image's */ };
static const double TURN = 6.283185307179586476925286766559;

/* Random numbers of one sample, in the order they are asked for. */
struct source {
    struct nl_stream stream;
    uint64_t row, next;
};

static double uniform(struct source *source, double low, double high)
{
    return low + (high - low) * nl_stream_uniform(source->stream, source->row, source->next++);
}

/* A wave along direction `turns` (of a full turn; 0: across the columns) with this many pixels a period. */
struct wave {
    double x, y, phase;
};

static struct wave make_wave(struct source *source, double turns, double period)
{
    return (struct wave){TURN * cos(TURN * turns) / period, TURN * sin(TURN * turns) / period,
                         uniform(source, 0, TURN)};
}

static double wave_at(const struct wave *wave, int x, int y)
{
    return sin(wave->x * x + wave->y * y + wave->phase);
}

/* Stripes: one wave. Tilt: either of the two mirror images. */
static void draw_stripes(struct source *source, double tilt, double period, int size, double *out)
{
    struct wave wave = make_wave(source, uniform(source, -1, 1) < 0 ? tilt : -tilt, period);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            out[y * size + x] = wave_at(&wave, x, y);
}

/* Fields: the product of two waves at right angles. */
static void draw_checks(struct source *source, double tilt, double period, int size, double *out)
{
    struct wave a = make_wave(source, tilt, period), b = make_wave(source, tilt + 0.25, period);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            out[y * size + x] = wave_at(&a, x, y) * wave_at(&b, x, y);
}

/* Circles around a point in or near the image. */
static void draw_rings(struct source *source, double period, int size, double *out)
{
    double cx = uniform(source, 0, size), cy = uniform(source, 0, size), phase = uniform(source, 0, TURN);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            out[y * size + x] = sin(TURN * sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy)) / period + phase);
}

/* Dots of this radius at random places. */
static void draw_dots(struct source *source, double radius, int size, double *out)
{
    int dots = (DOTS * size * size + 255) / 256, reach = (int)ceil(3 * radius);
    for (int i = 0; i < size * size; i++)
        out[i] = 0;
    for (int i = 0; i < dots; i++) {
        double cx = uniform(source, 0, size), cy = uniform(source, 0, size);
        for (int y = (int)cy - reach; y <= (int)cy + reach; y++)
            for (int x = (int)cx - reach; x <= (int)cx + reach; x++)
                if (x >= 0 && x < size && y >= 0 && y < size)
                    out[y * size + x] += exp(-((x - cx) * (x - cx) + (y - cy) * (y - cy)) / (2 * radius * radius));
    }
}

static void draw(struct source *source, int class, int size, double *out)
{
    double jitter = uniform(source, 0.92, 1.08); /* of the period */
    switch (class) {
    case 0: draw_stripes(source, 0, 6 * jitter, size, out); break;
    case 1: draw_stripes(source, 0, 3 * jitter, size, out); break;
    case 2: draw_stripes(source, 0.25, 6 * jitter, size, out); break;
    case 3: draw_stripes(source, 0.25, 3 * jitter, size, out); break;
    case 4: draw_stripes(source, 0.125, 6 * jitter, size, out); break;
    case 5: draw_stripes(source, 0.125, 3 * jitter, size, out); break;
    case 6: draw_checks(source, 0, 6 * jitter, size, out); break;
    case 7: draw_checks(source, 0.125, 6 * jitter, size, out); break;
    case 8: draw_rings(source, 4 * jitter, size, out); break;
    case 9: draw_dots(source, 1 * jitter, size, out); break;
    default: NL_BUG("synth has no class %d", class);
    }
    double mean = 0, square = 0;
    for (int i = 0; i < size * size; i++)
        mean += out[i] / (size * size);
    for (int i = 0; i < size * size; i++)
        square += (out[i] - mean) * (out[i] - mean) / (size * size);
    double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (int i = 0; i < size * size; i++)
        out[i] = (out[i] - mean) * scale;
}

/* Nearly normal noise of deviation 1: the sum of four random bytes, standardized. Four values a block. */
static void draw_noise(struct source *source, double out[4])
{
    uint32_t block[4];
    nl_stream_block(source->stream, source->next++, source->row, block);
    for (int i = 0; i < 4; i++) {
        int sum =
            (int)(block[i] & 255) + (int)(block[i] >> 8 & 255) + (int)(block[i] >> 16 & 255) + (int)(block[i] >> 24);
        out[i] = (sum - 510) / 147.80; /* sqrt(4 (256^2 - 1) / 12) */
    }
}

/* texture, distractor: (size, size), scratch. pixels: (size, size, channels). */
static void make_sample(struct source source, int class, int size, int channels, double difficulty, double *texture,
                        double *distractor, uint8_t *pixels)
{
    double base[MAX_CHANNELS], weight[MAX_CHANNELS], noise[4];
    double contrast = uniform(&source, 26, 46);
    double tint = uniform(&source, 0, TURN);
    double sign = cos(tint) < 0 ? -1 : 1;
    for (int c = 0; c < channels; c++) {
        base[c] = uniform(&source, 100, 155);
        /* The squares of the colour's channels have mean 1: one may be grey, never all. */
        weight[c] = contrast * (channels == 1 ? sign : sqrt(2) * cos(tint + TURN * c / (2 * channels)));
    }
    draw(&source, class, size, texture);
    draw(&source, (int)(CLASSES * uniform(&source, 0, 1)), size, distractor);
    int pixel = 0;
    for (int i = 0; i < size * size; i++)
        for (int c = 0; c < channels; c++, pixel++) {
            if (pixel % 4 == 0)
                draw_noise(&source, noise);
            double value = base[c] + weight[c] * ((1 - difficulty) * texture[i] + 0.7 * difficulty * distractor[i])
                           + contrast * 1.6 * difficulty * noise[pixel % 4];
            pixels[pixel] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : lrint(value));
        }
}

struct nl_dataset *nl_synth_make(struct nl_shape shape, double difficulty, int64_t train, int64_t test,
                                 struct nl_error *err)
{
    int size = shape.height;
    struct nl_dataset *set = nl_dataset_new("synth", NL_U8, shape, train + test, train, err);
    if (!set)
        return NULL;
    size_t bytes = (size_t)size * (size_t)size * (size_t)shape.channels;
    double *texture = nl_alloc((size_t)size * (size_t)size, sizeof *texture);
    double *distractor = nl_alloc((size_t)size * (size_t)size, sizeof *distractor);
    for (int i = 0; i < set->count; i++) {
        bool trains = i < set->train_count;
        uint64_t row = (uint64_t)(trains ? i : i - set->train_count);
        set->labels[i] = (int32_t)(row % CLASSES);
        make_sample((struct source){.stream = nl_stream(0, trains ? "synth" : "synth_test"), .row = row},
                    set->labels[i], size, shape.channels, difficulty, texture, distractor,
                    set->pixels + (size_t)i * bytes);
    }
    free(texture);
    free(distractor);
    return set;
}

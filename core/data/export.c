/* `normlab data export`: the parts as .npy files, so that a run can be repeated elsewhere on the same numbers. */
#include <stdlib.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/npy.h"
#include "data/data.h"

enum { LEVELS = 256 };

static int write_array(const char *folder, const char *part, const char *what, enum nl_dtype type, int dims,
                       const size_t *shape, const void *data, struct nl_error *err)
{
    char *name = nl_format("%s_%s.npy", part, what);
    char *path = nl_path_join(folder, name);
    int status = nl_npy_write(path, type, dims, shape, data, err);
    free(path);
    free(name);
    return status;
}

static int export_pixels(const struct nl_split *view, const char *part, const int32_t *index, int count,
                         const char *folder, struct nl_error *err)
{
    const struct nl_shape *image = &view->dataset->shape;
    size_t shape[] = {(size_t)count, (size_t)image->height, (size_t)image->width, (size_t)image->channels};
    size_t values = shape[1] * shape[2] * shape[3];
    float *x = malloc(shape[0] * values * sizeof *x);
    if (!x)
        return nl_fail_errno(err, "cannot hold the %s part of '%s' as float32", part, view->dataset->name);
    for (size_t i = 0; i < shape[0]; i++)
        nl_split_sample(view, index[i], x + i * values);
    int status = write_array(folder, part, "x", NL_F32, 4, shape, x, err);
    free(x);
    return status;
}

/* Numbers of the samples: (n, width), or (n) where there is one each. */
static int export_rows(const struct nl_sample_rows *rows, const char *part, const char *what, const int32_t *index,
                       int count, const char *folder, struct nl_error *err)
{
    size_t shape[] = {(size_t)count, (size_t)rows->width}, all = shape[0] * shape[1];
    int64_t *whole = nl_alloc(all, sizeof *whole);
    float *real = nl_alloc(all, sizeof *real);
    for (size_t e = 0; e < all; e++) {
        size_t from = (size_t)index[e / shape[1]] * (size_t)rows->step + e % shape[1];
        if (rows->real)
            real[e] = ((const float *)rows->at)[from];
        else
            whole[e] = ((const int32_t *)rows->at)[from];
    }
    int status = write_array(folder, part, what, rows->real ? NL_F32 : NL_I64, rows->width > 1 ? 2 : 1, shape,
                             rows->real ? (void *)real : whole, err);
    free(whole);
    free(real);
    return status;
}

static int export_part(const struct nl_split *view, const char *part, const int32_t *index, int count,
                       const char *folder, struct nl_error *err)
{
    struct nl_sample_rows x = nl_split_rows(view, "x"), lengths = nl_split_rows(view, "lengths");
    struct nl_sample_rows y = nl_split_rows(view, view->dataset->shape.target == NL_TARGET_REAL ? "targets" : "labels");
    size_t shape[] = {(size_t)count};
    int64_t *samples = nl_alloc(shape[0], sizeof *samples);
    for (int i = 0; i < count; i++)
        samples[i] = nl_original_of(view->dataset, index[i]);
    int status = x.at ? export_rows(&x, part, "x", index, count, folder, err)
                      : export_pixels(view, part, index, count, folder, err);
    if (status == NL_OK)
        status = export_rows(&y, part, "y", index, count, folder, err);
    if (status == NL_OK && lengths.at)
        status = export_rows(&lengths, part, "lengths", index, count, folder, err);
    if (status == NL_OK)
        status = write_array(folder, part, "index", NL_I64, 1, shape, samples, err);
    free(samples);
    return status;
}

int nl_data_export(const struct nl_split *view, const char *folder, struct nl_error *err)
{
    if (nl_make_folders(folder, err) || export_part(view, "train", view->train, view->train_count, folder, err))
        return NL_FAIL;
    if (view->val_count && export_part(view, "val", view->val, view->val_count, folder, err))
        return NL_FAIL;
    if (view->test_count == 0)
        return NL_OK;
    return export_part(view, "test", view->test, view->test_count, folder, err);
}

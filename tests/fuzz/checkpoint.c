/* A checkpoint, as the trainer goes on from it.
 *
 *     1 byte    bit 0: its checksum is made right here, which the fuzzer could not
 *
 * What is taken is within what the training can be, and saved again it is taken again. The first checkpoint of the
 * corpus is what this training saves: `NORMLAB_SEED=FILE fuzz_checkpoint FILE` writes it.
 */
#include <math.h>
#include <string.h>

#include "../engine/training.h"
#include "base/hash.h"
#include "fuzz.h"
#include "train/checkpoint.h"

static struct training *training_once(struct nl_source *source)
{
    static struct training t;
    if (!t.replicas) {
        nl_config_defaults(&t.config);
        t.config.model.depth = 1;
        t.config.model.width = 2;
        t.config.train.batch = 4;
        t.config.train.epochs = 2;
        t.config.train.optimizer = NL_ADAM;
        const char *trouble = training_make(
            &t, &nl_backend_ref, 1, (struct nl_shape){.height = 2, .width = 2, .channels = 1, .classes = 2}, 32);
        if (trouble)
            NL_BUG("%s", trouble);
    }
    *source = (struct nl_source){.config = &t.config, .dataset = &t.dataset};
    return &t;
}

/* The file as the training itself would write it in the middle. */
static void write_seed(const struct nl_plan *plan, const struct nl_source *source, const char *path)
{
    struct nl_curve_row rows[] = {
        {.step = 2, .epoch = 0.5, .samples = 8, .eval = -1, .lr = 0.1, .loss = 0.7, .accuracy = 0.5},
        {.step = 4, .epoch = 1, .samples = 16, .part = NL_PART_VAL, .lr = 0.1, .loss = 0.6, .accuracy = 0.75}};
    struct nl_trial_result result = {.steps = 4, .samples = 16, .rows = 2, .row = rows};
    struct nl_trial_progress progress = {.first_loss = 0.7};
    struct nl_error err;
    size_t length;
    if (nl_checkpoint_save(plan, 0, source, &progress, &result, FUZZ_FOLDER "/seed", &err))
        NL_BUG("%s", err.text);
    const char *bytes = fuzz_bytes(FUZZ_FOLDER "/seed", &length);
    FILE *file = fopen(path, "wb");
    if (!file || fputc(1, file) == EOF || fwrite(bytes, 1, length, file) != length || fclose(file) != 0)
        NL_BUG("cannot write '%s'", path);
}

static void seal_again(uint8_t *bytes, size_t size)
{
    static const char mark[] = "\"normlab_sha256\":\"";
    uint8_t *sum = memmem(bytes, size, mark, sizeof mark - 1);
    if (!sum || size - (size_t)(sum - bytes) < sizeof mark - 1 + NL_HASH_HEX)
        return;
    char hex[NL_HASH_HEX];
    memset(sum + sizeof mark - 1, '0', NL_HASH_HEX - 1);
    nl_hash_bytes(bytes, size, hex);
    memcpy(sum + sizeof mark - 1, hex, NL_HASH_HEX - 1);
}

static void check(const struct nl_config *config, const struct nl_trial_result *result)
{
    NL_ASSERT(result->steps >= 0 && result->steps <= nl_trial_step_counts(config, nl_data_counts(config)).steps);
    for (const struct nl_curve_row *row = result->row; row < result->row + result->rows; row++) {
        NL_ASSERT(row->step >= 0 && row->step <= result->steps && row->samples >= 0 && row->samples <= result->samples);
        NL_ASSERT((int)row->part >= 0 && row->part < NL_PARTS && row->eval >= -1 && row->eval < NL_EVALS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nl_source source;
    struct training *t = training_once(&source);
    struct nl_trial_result result = {0}, again = {0};
    struct nl_trial_progress progress, later;
    struct nl_error err;
    int64_t steps;
    if (getenv("NORMLAB_SEED"))
        write_seed(&t->plan, &source, getenv("NORMLAB_SEED"));
    if (size == 0)
        return 0;
    uint8_t *bytes = nl_alloc(size, 1);
    memcpy(bytes, data, size);
    if (data[0] & 1)
        seal_again(bytes + 1, size - 1);
    const char *path = fuzz_file("checkpoint", bytes + 1, size - 1);
    free(bytes);
    int status = nl_checkpoint_check(&source, path, &steps, &err);
    if (nl_checkpoint_load(&t->plan, 0, &source, path, &progress, &result, &err) == NL_OK) {
        NL_ASSERT(status == NL_OK && steps == result.steps);
        check(&t->config, &result);
        path = FUZZ_FOLDER "/again";
        if (nl_checkpoint_save(&t->plan, 0, &source, &progress, &result, path, &err) ||
            nl_checkpoint_load(&t->plan, 0, &source, path, &later, &again, &err))
            NL_BUG("%s", err.text);
        NL_ASSERT(again.steps == result.steps && again.samples == result.samples && again.rows == result.rows);
    }
    free(result.row);
    free(again.row);
    return 0;
}

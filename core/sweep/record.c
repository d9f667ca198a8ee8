/* Writes a finished trial as text and reads it back, to the last bit. */
#include "sweep/record.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/seal.h"

static const char head[] = "normlab trial 1\n";

const char *const nl_outcome_names[] = {"done", "diverged", "dead", "error", NULL};
const char *const nl_outcome_titles[] = {"done", "diverged", "at chance", "error", NULL};

int nl_record_outcome(const struct nl_record *record)
{
    return record->failed ? NL_ERROR : (int)record->status;
}

const char *nl_record_status(const struct nl_record *record)
{
    return record->present ? nl_outcome_names[nl_record_outcome(record)] : "";
}

static char *curve_text(const struct nl_trial_result *result)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    char epoch[32], lr[32], loss[32], accuracy[32];
    double rate = NAN; /* that `lr` says: it hardly ever changes */
    for (int i = 0; i < result->rows; i++) {
        const struct nl_curve_row *row = &result->row[i];
        if (!(row->lr == rate))
            nl_double_text(rate = row->lr, lr);
        nl_text_add(&out, "%" PRId64 ",%s,%" PRId64 ",%s,%s,%s,%s,%s\n", row->step, nl_double_text(row->epoch, epoch),
                    row->samples, nl_part_names[row->part], row->eval < 0 ? "" : nl_eval_names[row->eval], lr,
                    nl_double_text(row->loss, loss), nl_double_text(row->accuracy, accuracy));
    }
    return out.at;
}

void nl_record_from_result(struct nl_record *record, const struct nl_trial_result *result)
{
    *record = (struct nl_record){
        .present = true,
        .status = result->status,
        .failed_step = result->failed_step,
        .steps = result->steps,
        .samples = result->samples,
        .left_out = result->left_out,
        .parameters = result->parameters,
        .epochs = result->epochs,
        .calibrated = true,
        .calibration = result->calibration,
        .rows = result->rows,
        .curve = curve_text(result),
        .metrics = nl_metrics_of(result),
        .seconds = result->seconds,
        .memory = (int64_t)result->memory,
    };
    memcpy(record->score, result->score, sizeof record->score);
}

/* Averages of the weights: earlier versions had none, and most trainings take none. */
static bool may_be_left_out(int eval)
{
    return eval >= NL_EVAL_EMA;
}

char *nl_record_text(const struct nl_record *record, const char *id, const char *identity)
{
    struct nl_text out = {0};
    char real[32];
    nl_text_add(&out, "%s", head);
    for (const char *line = identity; *line;) {
        size_t length = strcspn(line, "\n");
        nl_text_add(&out, "# %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    nl_text_add(&out, "id %s\nstatus %s\n", id, nl_record_status(record));
    nl_text_add(&out,
                "failed_step %" PRId64 "\nsteps %" PRId64 "\nsamples %" PRId64 "\nleft_out %" PRId64
                "\nparameters %" PRId64 "\n",
                record->failed_step, record->steps, record->samples, record->left_out, record->parameters);
    nl_text_add(&out, "epochs %s\n", nl_double_text(record->epochs, real));
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++) {
            char loss[32], accuracy[32];
            if (may_be_left_out(eval) && isnan(record->score[part][eval].loss) &&
                isnan(record->score[part][eval].accuracy))
                continue;
            nl_text_add(&out, "%s_%s %s %s\n", nl_part_names[part], nl_eval_names[eval],
                        nl_double_text(record->score[part][eval].loss, loss),
                        nl_double_text(record->score[part][eval].accuracy, accuracy));
        }
    if (record->calibrated) {
        nl_text_add(&out, "test_top5_error %s\n", nl_double_text(record->calibration.top5_error, real));
        nl_text_add(&out, "test_ece %s\n", nl_double_text(record->calibration.ece, real));
    }
    nl_text_add(&out, "seconds %s\n", nl_double_text(record->seconds, real));
    nl_text_add(&out, "memory %" PRId64 "\nstarted %" PRId64 "\nworker %d\n", record->memory, record->started,
                record->worker);
    if (record->taken)
        nl_text_add(&out, "taken %s\n", record->taken);
    nl_text_add(&out, "message %s\n", record->message ? record->message : "");
    nl_metrics_add_heads(&record->metrics, &out);
    nl_text_add(&out, "rows %d\n%s", record->rows, record->curve);
    nl_metrics_add_texts(&record->metrics, &out);
    nl_seal_add(&out, "");
    return out.at;
}

static char *result_text(const struct nl_record *record, bool calibrated)
{
    struct nl_record result = *record;
    result.calibrated = calibrated;
    result.seconds = 0;
    result.memory = result.started = 0;
    result.worker = 0;
    result.taken = NULL;
    result.metrics = (struct nl_metrics){0};
    return nl_record_text(&result, "", "");
}

bool nl_records_agree(const struct nl_record *a, const struct nl_record *b)
{
    bool calibrated = a->calibrated && b->calibrated;
    char *left = result_text(a, calibrated), *right = result_text(b, calibrated);
    bool same = strcmp(left, right) == 0 && nl_metrics_agree(&a->metrics, &b->metrics);
    free(left);
    free(right);
    return same;
}

void nl_record_join(struct nl_record *record, const struct nl_record *other)
{
    if (!nl_records_agree(record, other))
        return;
    if (!record->calibrated) {
        record->calibrated = other->calibrated;
        record->calibration = other->calibration;
    }
    nl_metrics_join(&record->metrics, &other->metrics);
    if (record->taken && !other->taken) { /* the other one knows how long it took */
        free(record->taken);
        record->taken = NULL;
        record->seconds = other->seconds;
        record->memory = other->memory;
        record->started = other->started;
        record->worker = other->worker;
    }
}

/* Takes "key " and the rest of the line, which is terminated in place, off the front. NULL: another key stands
 * there. */
static char *take(char **at, const char *key)
{
    size_t length = strlen(key);
    char *end = strchr(*at, '\n');
    if (!end || strncmp(*at, key, length) != 0 || (*at)[length] != ' ')
        return NULL;
    char *value = *at + length + 1;
    *end = '\0';
    *at = end + 1;
    return value;
}

static bool take_integer(char **at, const char *key, int64_t *out)
{
    char *text = take(at, key), *end;
    if (!text || !*text)
        return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool take_real(char **at, const char *key, double *out)
{
    char *text = take(at, key), *end;
    if (!text || !*text)
        return false;
    *out = nl_double_read(text, &end);
    return *end == '\0';
}

static bool take_status(char **at, struct nl_record *record)
{
    const char *text = take(at, "status");
    if (!text)
        return false;
    record->failed = strcmp(text, "error") == 0;
    for (int status = NL_DONE; status <= NL_DEAD && !record->failed; status++)
        if (strcmp(text, nl_status_names[status]) == 0) {
            record->status = (enum nl_status)status;
            return true;
        }
    return record->failed;
}

static bool take_scores(char **at, struct nl_record *record)
{
    for (int part = 0; part < NL_PARTS; part++)
        for (int eval = 0; eval < NL_EVALS; eval++) {
            struct nl_score *score = &record->score[part][eval];
            char *key = nl_format("%s_%s", nl_part_names[part], nl_eval_names[eval]), *end;
            char *text = take(at, key);
            free(key);
            if (!text && may_be_left_out(eval)) {
                *score = (struct nl_score){NAN, NAN};
                continue;
            }
            if (!text)
                return false;
            score->loss = nl_double_read(text, &end);
            if (end == text || *end != ' ')
                return false;
            score->accuracy = nl_double_read(text = end + 1, &end);
            if (end == text || *end != '\0')
                return false;
        }
    return true;
}

/* Earlier versions did not write it. */
static bool take_calibration(char **at, struct nl_record *record)
{
    char *before = *at;
    record->calibrated = take_real(at, "test_top5_error", &record->calibration.top5_error);
    return record->calibrated ? take_real(at, "test_ece", &record->calibration.ece) : *at == before;
}

static bool take_all(char *at, const char *id, struct nl_record *record)
{
    int64_t worker, rows;
    while (*at == '#') {
        char *end = strchr(at, '\n');
        if (!end)
            return false;
        at = end + 1;
    }
    char *own_id = take(&at, "id");
    if (!own_id || strcmp(own_id, id) != 0)
        return false;
    if (!take_status(&at, record) || !take_integer(&at, "failed_step", &record->failed_step) ||
        !take_integer(&at, "steps", &record->steps) || !take_integer(&at, "samples", &record->samples) ||
        !take_integer(&at, "left_out", &record->left_out) || !take_integer(&at, "parameters", &record->parameters) ||
        !take_real(&at, "epochs", &record->epochs) || !take_scores(&at, record) || !take_calibration(&at, record) ||
        !take_real(&at, "seconds", &record->seconds) || !take_integer(&at, "memory", &record->memory) ||
        !take_integer(&at, "started", &record->started) || !take_integer(&at, "worker", &worker))
        return false;
    const char *taken = take(&at, "taken"), *message = take(&at, "message");
    char *tensor;
    while (message && (tensor = take(&at, "tensor")))
        if (!nl_metrics_take_head(&record->metrics, tensor))
            return false;
    if (!message || !take_integer(&at, "rows", &rows))
        return false;
    const char *rest = at;
    for (int64_t row = 0; row < rows && rest; row++)
        rest = strchr(rest, '\n') ? strchr(rest, '\n') + 1 : NULL;
    if (rows < 0 || !rest || !nl_metrics_take_texts(&record->metrics, rest))
        return false;
    record->worker = (int)worker;
    record->rows = (int)rows;
    record->message = *message ? nl_strdup(message) : NULL;
    record->taken = taken ? nl_strdup(taken) : NULL;
    record->curve = nl_format("%.*s", (int)(rest - at), at);
    record->present = true;
    return true;
}

int nl_record_parse(struct nl_record *record, const char *text, size_t length, const char *id, struct nl_error *err)
{
    *record = (struct nl_record){0};
    size_t sealed;
    if (nl_seal_check(text, length, "", &sealed) || sealed == length || sealed < strlen(head) || strlen(text) != length)
        return nl_fail(err, "it is truncated or damaged (its checksum does not match)");
    if (strncmp(text, head, strlen(head)) != 0)
        return nl_fail(err, "another version of normlab wrote it");
    struct nl_text copy = {0};
    nl_text_add_bytes(&copy, text + strlen(head), sealed - strlen(head));
    bool good = take_all(copy.at, id, record);
    nl_text_release(&copy);
    if (!good)
        nl_record_release(record);
    return good ? NL_OK : nl_fail(err, "it is not a record of trial '%s'", id);
}

void nl_record_release(struct nl_record *record)
{
    free(record->message);
    free(record->taken);
    free(record->curve);
    nl_metrics_release(&record->metrics);
    *record = (struct nl_record){0};
}

void nl_records_release(struct nl_record *record, int count)
{
    for (int i = 0; i < count; i++)
        nl_record_release(&record[i]);
    free(record);
}

/* Knows the names of metrics. */
#include "import/names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const char *nl_bare_name(const char *name)
{
    static const char *const fronts[] = {"config.",  "config/",  "params.",  "params/",  "hparams.", "hparams/",
                                         "summary.", "summary/", "metrics.", "metrics/", NULL};
    for (int i = 0; fronts[i]; i++)
        if (strncasecmp(name, fronts[i], strlen(fronts[i])) == 0)
            return name + strlen(fronts[i]);
    return name;
}

static const struct {
    const char *word, *part;
} parts[] = {{"train", "train"}, {"training", "train"}, {"val", "val"},   {"valid", "val"},    {"validation", "val"},
             {"eval", "val"},    {"dev", "val"},        {"test", "test"}, {"testing", "test"}, {NULL, NULL}};

static const struct {
    const char *word;
    enum nl_curve_reading reading;
} readings[] = {{"loss", NL_READ_LOSS},
                {"nll", NL_READ_LOSS},
                {"crossentropy", NL_READ_LOSS},
                {"celoss", NL_READ_LOSS},
                {"acc", NL_READ_ACCURACY},
                {"accuracy", NL_READ_ACCURACY},
                {"top1", NL_READ_ACCURACY},
                {"acc1", NL_READ_ACCURACY},
                {"acctop1", NL_READ_ACCURACY},
                {"top1acc", NL_READ_ACCURACY},
                {"prec1", NL_READ_ACCURACY},
                {"top1accuracy", NL_READ_ACCURACY},
                {"categoricalaccuracy", NL_READ_ACCURACY},
                {"sparsecategoricalaccuracy", NL_READ_ACCURACY},
                {"err", NL_READ_ERROR},
                {"error", NL_READ_ERROR},
                {"errorrate", NL_READ_ERROR},
                {"top1err", NL_READ_ERROR},
                {"top1error", NL_READ_ERROR},
                {"err1", NL_READ_ERROR},
                {"top5", NL_READ_TOP5_ACCURACY},
                {"acc5", NL_READ_TOP5_ACCURACY},
                {"acctop5", NL_READ_TOP5_ACCURACY},
                {"top5acc", NL_READ_TOP5_ACCURACY},
                {"prec5", NL_READ_TOP5_ACCURACY},
                {"top5accuracy", NL_READ_TOP5_ACCURACY},
                {"top5categoricalaccuracy", NL_READ_TOP5_ACCURACY},
                {"sparsetop5categoricalaccuracy", NL_READ_TOP5_ACCURACY},
                {"top5err", NL_READ_TOP5_ERROR},
                {"top5error", NL_READ_TOP5_ERROR},
                {"err5", NL_READ_TOP5_ERROR},
                {"ece", NL_READ_ECE},
                {"expectedcalibrationerror", NL_READ_ECE},
                {"ppl", NL_READ_PERPLEXITY},
                {"perplexity", NL_READ_PERPLEXITY},
                {NULL, NL_READ_LOSS}};

/* Words that say nothing of what was measured. */
static const char *const idle_words[] = {"final", "last", "epoch", "mean", "avg", "average", NULL};

const char *const nl_reading_words[] = {[NL_READ_LOSS] = "loss",
                                        [NL_READ_ACCURACY] = "accuracy",
                                        [NL_READ_ERROR] = "error",
                                        [NL_READ_PERPLEXITY] = "perplexity",
                                        [NL_READ_BITS] = "bits_per_char",
                                        [NL_READ_TOP5_ACCURACY] = "top5_accuracy",
                                        [NL_READ_TOP5_ERROR] = "top5_error",
                                        [NL_READ_ECE] = "ece"};

bool nl_reads_share(enum nl_curve_reading reading)
{
    return reading == NL_READ_ACCURACY || reading == NL_READ_ERROR || !nl_is_read_from_curves(reading);
}

bool nl_keeps_reading(enum nl_curve_reading reading, const char *part)
{
    return nl_is_read_from_curves(reading) || strcmp(part, "test") == 0;
}

/* What the rest of a name is, words joined: "acc1" of acc@1. */
static bool read_measure(const char *joined, enum nl_curve_reading *reading)
{
    for (int i = 0; readings[i].word; i++)
        if (strcmp(readings[i].word, joined) == 0) {
            *reading = readings[i].reading;
            return true;
        }
    return false;
}

bool nl_metric_of_name(const char *name, const char **part, enum nl_curve_reading *reading)
{
    char word[64], joined[64] = "";
    *part = NULL;
    for (const char *at = nl_bare_name(name); *at;) {
        size_t length = 0;
        while (isalnum((unsigned char)at[length]))
            length++;
        if (length >= sizeof word)
            return false;
        for (size_t i = 0; i < length; i++)
            word[i] = (char)tolower((unsigned char)at[i]);
        word[length] = '\0';
        at += length ? length : 1;
        const char *found = NULL;
        bool idle = length == 0;
        for (int i = 0; parts[i].word; i++)
            found = strcmp(parts[i].word, word) == 0 ? parts[i].part : found;
        for (int i = 0; idle_words[i]; i++)
            idle |= strcmp(idle_words[i], word) == 0;
        if (found && *part)
            return false;
        *part = found ? found : *part;
        if (!found && !idle && strlen(joined) + length < sizeof joined)
            strcat(joined, word);
    }
    return read_measure(joined, reading);
}

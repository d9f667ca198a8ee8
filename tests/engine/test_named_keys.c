/* What is said of a configuration names what the user wrote: each key that a message or a warning names was set, or
 * stands in its hint, which is the remedy or says what the key is by default. Tried on many settings: each key at
 * several values, in networks of all kinds. */
#include <check.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "suite.h"
#include "sweep/grid.h"
#include "sweep/lint.h"

/* What else is set. The small parts of the data keep a trial short, and the message of a batch that does not fit them
 * apart. */
static const char *const around[] = {
    "model.arch=mlp model.depth=2",
    "norm.kind=gn model.arch=cnn model.width=8",
    "model.arch=cnn train.batch=2",
    "train.batch=1 model.depth=2",
    "train.batch=32 train.accumulate=32 model.depth=2",
    "train.batch=32 train.accumulate=16 model.depth=2",
    "train.batch=32 train.workers=32 model.depth=2",
    "norm.stat_batch=1 model.depth=2",
    "norm.stat_batch=5 model.depth=2",
    "norm.kind=cbn train.batch=16",
    "norm.kind=frn model.arch=cnn",
    "norm.kind=dbn model.depth=2",
    "norm.kind=brn train.steps=5",
    "norm.kind=mabn norm.statistics=running",
    "norm.kind=none norm.weights=ws model.depth=2",
    "norm.weights=wn model.arch=cnn",
    "model.arch=resnet model.depth=8 model.width=4",
    "model.arch=resnet model.depth=8 model.width=4 model.residual=nf norm.kind=none norm.placement=preact",
    "norm.weights=sn model.depth=2",
    "model.arch=resnet model.depth=8 model.width=4 model.residual=fixup",
    "model.arch=lstm data.as=rows norm.kind=bn",
    "model.arch=gru data.name=parity norm.kind=ln",
    "model.arch=transformer data.name=text data.context=16 norm.kind=ln model.width=16",
    "model.arch=transformer data.as=patches data.patch=2 norm.kind=bn model.width=16 model.depth=6 norm.placement=post",
    "model.arch=transformer data.name=sort norm.kind=dyt model.width=16 model.gated=true",
    "train.optimizer=adam train.schedule=step train.steps=20",
    "train.optimizer=adamw train.warmup_epochs=20",
    "model.arch=layers model.layers=[{linear: 8}, norm, activation, {linear: classes}]",
    "norm.kind=bn,gn train.batch=2,64 sweep.seeds=5",
    "norm.kind=bn,ln train.weight_decay=0.1",
};

/* Values to try: the ends of its range, and small numbers; all words of a choice. */
static int values_of(const struct nl_key *key, char value[][32])
{
    static const char *const small[] = {"auto", "0", "1", "2", "3", "7", "0.5", "64", "1000"};
    int count = 0;
    for (int i = 0; key->choices && key->choices[i] && count < 24; i++)
        snprintf(value[count++], 32, "%s", key->choices[i]);
    if (key->type == NL_TYPE_BOOL)
        for (int i = 0; i < 2; i++)
            snprintf(value[count++], 32, "%s", i ? "true" : "false");
    bool number = key->type == NL_TYPE_INT || key->type == NL_TYPE_REAL || key->type == NL_TYPE_AUTO_INT ||
                  key->type == NL_TYPE_AUTO_REAL;
    for (size_t i = 0; number && i < sizeof small / sizeof *small; i++) {
        struct nl_config config;
        nl_config_defaults(&config);
        if (nl_key_set(key, &config, small[i], NULL) == NL_OK)
            snprintf(value[count++], 32, "%s", small[i]);
    }
    return count;
}

static bool is_inside(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.';
}

/* Whether the text names the key, and not one that has this name in it. */
static bool names(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *at = text; at && (at = strstr(at, key)); at += length)
        if ((at == text || !is_inside(at[-1])) &&
            (!is_inside(at[length]) || (at[length] == '.' && !isalnum((unsigned char)at[length + 1]))))
            return true;
    return false;
}

static int said, cases;

static void judge(const struct nl_diagnostics *diagnostics, const char *set, struct nl_text *wrong)
{
    for (int i = 0; i < diagnostics->count; i++) {
        /* behind "so in" stands which trial is the first: its seed, too */
        const char *of_trial = strstr(diagnostics->at[i].message, "; so in "),
                   *hint = diagnostics->at[i].hint ? diagnostics->at[i].hint : "";
        char *message = nl_format("%.*s", of_trial ? (int)(of_trial - diagnostics->at[i].message) : INT_MAX,
                                  diagnostics->at[i].message);
        said++;
        for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++)
            if (names(message, key->name) && !names(set, key->name) && !names(hint, key->name) &&
                wrong->length < 1u << 20)
                nl_text_add(wrong, "%s\n    names %s, which nobody set; hint: %s; set: %s\n", message, key->name, hint,
                            set);
        free(message);
    }
}

/* set: overrides with a space between; one in brackets may have spaces. */
static void try(const char *set, struct nl_text *wrong)
{
    const char *override[16];
    int count = 0;
    char *copy = nl_format("data.train=200 data.test=20 data.val=20 %s", set);
    for (char *at = copy; *at && count < 16;) {
        override[count++] = at;
        int depth = 0;
        while (*at && (*at != ' ' || depth > 0)) {
            depth += (*at == '[') - (*at == ']');
            at++;
        }
        if (*at)
            *at++ = '\0';
    }
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    struct nl_grid grid = {0};
    if (nl_experiment_load(NULL, override, count, &experiment, &diagnostics) == NL_OK &&
        nl_grid_make(&experiment, &grid, &diagnostics) == NL_OK)
        nl_lint_grid(&experiment, &grid, &diagnostics);
    char *all = nl_format("data.train=200 data.test=20 data.val=20 %s", set);
    judge(&diagnostics, all, wrong);
    cases++;
    nl_grid_release(&grid);
    nl_diagnostics_release(&diagnostics);
    free(all);
    free(copy);
}

START_TEST(messages_name_what_was_set)
{
    struct nl_text wrong = {0};
    try(around[_i], &wrong);
    for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++) {
        char value[40][32];
        if (strncmp(key->name, "log.", 4) == 0 || strcmp(key->name, "data.name") == 0)
            continue;
        for (int i = 0, count = values_of(key, value); i < count; i++) {
            char *set = nl_format("%s %s=%s", around[_i], key->name, value[i]);
            try(set, &wrong);
            free(set);
        }
    }
    if (wrong.at)
        printf("%s", wrong.at);
    ck_assert_msg(!wrong.at, "messages name keys that nobody set");
    ck_assert_msg(cases > 500 && said > 200, "only %d cases, and %d messages", cases, said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("named_keys");
    TCase *tests = tcase_create("named_keys");
    tcase_add_loop_test(tests, messages_name_what_was_set, 0, sizeof around / sizeof *around);
    tcase_set_timeout(tests, 300);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

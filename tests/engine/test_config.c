/* Keys and their values: strict reading, canonical writing, what applies, identity, legality of combinations. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "config/config.h"
#include "config/keep.h"
#include "config/published.h"
#include "config/value.h"
#include "norm/norm.h"
#include "scratch.h"
#include "suite.h"

static void set(struct nl_config *config, const char *name, const char *text)
{
    struct nl_error err = {{0}};
    const struct nl_key *key = nl_key_find(name);
    ck_assert_msg(key != NULL, "no key %s", name);
    ck_assert_msg(nl_key_set(key, config, text, &err) == NL_OK, "%s", err.text);
}

static void refuse(const char *name, const char *text, const char *message)
{
    struct nl_config config, before;
    struct nl_error err = {{0}};
    nl_config_defaults(&config);
    before = config;
    ck_assert_int_eq(nl_key_set(nl_key_named(name), &config, text, &err), NL_FAIL);
    ck_assert_str_eq(err.text, message);
    ck_assert_msg(!memcmp(&config, &before, sizeof config), "a refused value changed the configuration");
}

static void expect_text(const char *name, const char *text, const char *canonical)
{
    struct nl_config config;
    nl_config_defaults(&config);
    set(&config, name, text);
    char *got = nl_key_text(nl_key_named(name), &config);
    ck_assert_str_eq(got, canonical);
    free(got);
}

/* Each names a key or a field of sweep, is written as it is compared, and is no key by itself; and each is found. */
START_TEST(synonyms_are_names_of_keys)
{
    static const struct {
        const char *word, *key;
    } all[] = {
#define SYNONYM(word, key) {word, key},
#include "config/synonyms.def"
#undef SYNONYM
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *word = all[i].word, *key = all[i].key;
        ck_assert_msg(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(word), "%s", word);
        ck_assert_msg(!nl_key_answer(word), "%s is in answers.def, too", word);
        bool there = nl_key_find(key);
        for (const struct nl_field *field = nl_sweep_fields; field->name && !there; field++)
            there = strncmp(key, "sweep.", 6) == 0 && strcmp(key + 6, field->name) == 0;
        ck_assert_msg(there, "%s: there is no key %s", word, key);
        ck_assert_msg(nl_key_is_called(key, word, false) && nl_key_nearest(word), "%s", word);
    }
}
END_TEST

START_TEST(every_key_has_a_legal_default_that_reads_back)
{
    struct nl_config config;
    nl_config_defaults(&config);
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        struct nl_config other;
        struct nl_error err;
        ck_assert_ptr_eq(nl_key_named(key->name), key);
        ck_assert_int_eq(nl_key_index(key), i);
        ck_assert_str_eq(nl_key_nearest(key->name), key->name);
        ck_assert_msg(!strncmp(key->name, key->section, strlen(key->section)) && key->name[strlen(key->section)] == '.',
                      "%s", key->name);
        ck_assert_msg(strlen(key->help) > 0, "%s has no help", key->name);
        if (key->type == NL_TYPE_TEXT || key->type == NL_TYPE_CODE)
            continue; /* quotes are for files */
        char *text = nl_key_text(key, &config);
        memset(&other, 0x5a, sizeof other);
        ck_assert_msg(nl_key_set(key, &other, text, &err) == NL_OK, "%s", err.text);
        char *again = nl_key_text(key, &other);
        ck_assert_str_eq(text, again);
        free(text);
        free(again);
    }
}
END_TEST

/* In a process of its own, in which nobody asked for defaults before. */
START_TEST(defaults_outlive_what_is_given_back)
{
    struct nl_kept before = nl_kept_now();
    struct nl_config config;
    nl_config_defaults(&config);
    nl_keep_no_more(before);
    for (int i = 0; i < 100; i++)
        nl_keep_text(i % 2 ? "written over what is free" : "the same");
    nl_config_defaults(&config);
    for (int i = 0; i < nl_key_count; i++) {
        char *text = nl_key_text(&nl_keys[i], &config);
        struct nl_config again = config;
        ck_assert(nl_key_set(&nl_keys[i], &again, nl_keys[i].default_text, NULL) == NL_OK);
        char *wanted = nl_key_text(&nl_keys[i], &again);
        ck_assert_msg(strcmp(text, wanted) == 0, "%s is %s, not %s", nl_keys[i].name, text, wanted);
        free(text);
        free(wanted);
    }
}
END_TEST

START_TEST(bounds_are_inclusive_and_tight)
{
    int numbers = 0;
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        struct nl_config config;
        struct nl_error err;
        if (key->type != NL_TYPE_INT && key->type != NL_TYPE_AUTO_INT && key->type != NL_TYPE_REAL &&
            key->type != NL_TYPE_AUTO_REAL && key->type != NL_TYPE_INTS)
            continue;
        numbers++;
        ck_assert_msg(key->low < key->high, "%s", key->name);
        bool real = key->type == NL_TYPE_REAL || key->type == NL_TYPE_AUTO_REAL;
        double below = real ? nextafter(key->low, -DBL_MAX) : key->low - 1;
        double above = real ? nextafter(key->high, DBL_MAX) : key->high + 1;
        const double legal[] = {key->low, key->high}, wrong[] = {below, above};
        for (int k = 0; k < 2; k++) {
            char *text = nl_format(real ? "%.17g" : "%.0f", legal[k]);
            ck_assert_msg(nl_key_set(key, &config, text, &err) == NL_OK, "%s", err.text);
            free(text);
            text = nl_format(real ? "%.17g" : "%.0f", wrong[k]);
            ck_assert_msg(nl_key_set(key, &config, text, &err) == NL_FAIL, "'%s' takes %s", key->name, text);
            ck_assert_msg(strstr(err.text, "must be from") != NULL, "%s", err.text);
            free(text);
        }
    }
    ck_assert_int_gt(numbers, 40);
}
END_TEST

START_TEST(every_choice_reads_back_and_no_other)
{
    int choices = 0;
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        struct nl_config config;
        struct nl_error err;
        if (!key->choices)
            continue;
        for (int k = 0; key->choices[k]; k++, choices++) {
            ck_assert_msg(nl_key_set(key, &config, key->choices[k], &err) == NL_OK, "%s", err.text);
            char *text = nl_key_text(key, &config);
            char *expected = nl_format(key->type == NL_TYPE_CHOICES ? "[%s]" : "%s", key->choices[k]);
            ck_assert_str_eq(text, expected);
            free(text);
            free(expected);
        }
        ck_assert_int_eq(nl_key_set(key, &config, "nonsense", &err), NL_FAIL);
        bool may_be_empty = strcmp(key->default_text, "[]") == 0;
        ck_assert_int_eq(nl_key_set(key, &config, "", &err), may_be_empty ? NL_OK : NL_FAIL);
    }
    ck_assert_int_gt(choices, 60);
}
END_TEST

START_TEST(one_value_has_one_text)
{
    expect_text("train.lr", "0.050", "0.05");
    expect_text("train.lr", "5E-2", "0.05");
    expect_text("train.lr", "+.05", "0.05");
    expect_text("train.lr", "1e-3", "0.001");
    expect_text("train.lr", "-0.0", "0");
    expect_text("train.lr", "0.1234567890123456", "0.1234567890123456");
    expect_text("train.batch", "+32", "32");
    expect_text("data.train", "auto", "auto");
    expect_text("train.nesterov", "yes", "true");
    expect_text("train.nesterov", "Off", "false");
    expect_text("model.pool", "1,3", "[1, 3]");
    expect_text("model.pool", "[ 1 ,3 ]", "[1, 3]");
    expect_text("model.pool", "[]", "[]");
    expect_text("model.pool", "", "[]");
    expect_text("norm.eval", "running,batch", "[running, batch]");
    expect_text("plot.title", "", "\"\"");
    expect_text("plot.title", "a \"b\" \\ c: #d", "\"a \\\"b\\\" \\\\ c: #d\"");
    expect_text("data.dir", "/srv/data", "\"/srv/data\"");
    expect_text("plot.font", "Helvetica", "Helvetica");
    expect_text("plot.title", "null", "\"null\"");
    expect_text("plot.title", "Off", "\"Off\"");
}
END_TEST

START_TEST(wrong_values_say_what_is_legal)
{
    refuse("train.lr", "fast", "'train.lr' must be a number, not 'fast'; write it in decimal digits, from 0 to 1e+06");
    refuse("train.lr", "-1", "'train.lr' must be from 0 to 1e+06, not -1");
    refuse("train.lr", "1e999", "'train.lr' must be from 0 to 1e+06, not 1e999");
    static const char *const no_numbers[] = {"",    ".",  "e3", "1e",   "1.5.",  "0x10", ".inf", "inf", ".nan",
                                             "nan", " 1", "1 ", "1,5,", "1_000", "--1",  "1e3x", "~"};
    for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++) {
        char *message = nl_format("'train.lr' must be a number, not '%s'; write it in decimal digits, from 0 to 1e+06",
                                  no_numbers[i]);
        refuse("train.lr", no_numbers[i], message);
        free(message);
    }
    refuse("train.lr", "1,5", "'train.lr' must be a number, not '1,5'; a decimal point is '.': 1.5");
    refuse("train.epochs", "2.5",
           "'train.epochs' must be an integer, not '2.5'; write it in decimal digits, from 0 to 1000000");
    refuse("train.epochs", "1e2",
           "'train.epochs' must be an integer, not '1e2'; write it in decimal digits, from 0 to 1000000");
    refuse("train.epochs", "auto",
           "'train.epochs' must be an integer, not 'auto'; write it in decimal digits, from 0 to 1000000");
    refuse("train.epochs", "99999999999999999999",
           "'train.epochs' must be from 0 to 1000000, not 99999999999999999999");
    refuse("train.steps", "-2", "'train.steps' must be from 0 to 10000000000, or 'auto', not -2");
    refuse("train.steps", "-1", "'train.steps' must be from 0 to 10000000000, or 'auto', not -1");
    refuse("train.nesterov", "1", "'train.nesterov' must be true or false, not '1'");
    refuse("norm.placement", "befor",
           "'norm.placement' cannot be 'befor'; did you mean 'before'? it can be auto, before, after, preact, pre, "
           "post, peri, sandwich, deepnorm");
    refuse("device.kind", "abacus", "'device.kind' cannot be 'abacus'; it can be cpu, ref, cuda");
    refuse("norm.eval", "[]", "'norm.eval' must have at least one value");
    refuse("norm.eval", "[running, running]", "'norm.eval' has 'running' twice");
    refuse("model.pool", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", "'model.pool' has more than 16 values");
    refuse("model.pool", "[1, 0]", "'model.pool' must be from 1 to 200, not 0");
    refuse("plot.title", "a\nb", "'plot.title' must be one line of text in UTF-8, without control characters");
}
END_TEST

/* YAML 1.1 reads 010 as 8 and YAML 1.2 as 10: no key with numbers takes either. */
START_TEST(octal_look_alikes_are_no_numbers)
{
    static const char *const texts[] = {"010", "00", "007", "-010", "+08", "0000000001"};
    const char *remedy = "write it without the 0 in front: YAML 1.1 reads an octal number, YAML 1.2 a decimal one";
    int keys = 0;
    for (int k = 0; k < nl_key_count; k++)
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
            const struct nl_key *key = &nl_keys[k];
            struct nl_config config;
            struct nl_error err = {{0}};
            if (!nl_key_is_number(key) && key->type != NL_TYPE_INTS)
                continue;
            nl_config_defaults(&config);
            ck_assert_msg(nl_key_set(key, &config, texts[t], &err) == NL_FAIL, "%s=%s", key->name, texts[t]);
            ck_assert_msg(strstr(err.text, remedy) != NULL, "%s=%s: %s", key->name, texts[t], err.text);
            keys++;
        }
    ck_assert_int_gt(keys, 300);
    expect_text("train.lr", "0.010", "0.01");
    expect_text("train.lr", "00.5", "0.5");
    expect_text("train.lr", "0", "0");
    expect_text("train.seed", "0", "0");
}
END_TEST

START_TEST(nearest_key_is_found)
{
    ck_assert_int_eq(nl_edit_distance("batch", "batch", 3), 0);
    ck_assert_int_eq(nl_edit_distance("bacth", "batch", 3), 1); /* neighbours swapped */
    ck_assert_int_eq(nl_edit_distance("", "abc", 3), 3);
    ck_assert_int_eq(nl_edit_distance("kitten", "sitting", 3), 3);
    ck_assert_int_eq(nl_edit_distance("kitten", "sitting", 2), NL_FAR);
    ck_assert_int_eq(nl_edit_distance("batch", "atchb", 1), NL_FAR); /* the same letters */
    ck_assert_str_eq(nl_key_nearest("train.bacth"), "train.batch");
    ck_assert_str_eq(nl_key_nearest("tran.lr"), "train.lr");
    ck_assert_str_eq(nl_key_nearest("norm.batch"), "train.batch");
    ck_assert_str_eq(nl_key_nearest("lr"), "train.lr");
    ck_assert_ptr_null(nl_key_nearest("zebra.stripes"));
    char *endless = nl_alloc(5000, 1);
    memset(endless, 'a', 4999);
    ck_assert_ptr_null(nl_key_nearest(endless));
    free(endless);
}
END_TEST

/* settings: "key=value ..." on top of the defaults. */
static struct nl_config config_of(const char *settings)
{
    struct nl_config config;
    nl_config_defaults(&config);
    char *copy = nl_strdup(settings), *rest = copy, *item;
    while ((item = strsep(&rest, " ")) && *item) {
        char *equals = strchr(item, '=');
        *equals = '\0';
        set(&config, item, equals + 1);
    }
    free(copy);
    return config;
}

START_TEST(keys_apply_where_they_matter)
{
    static const struct {
        const char *key, *with, *without; /* settings, split by |, with which the key matters and does not */
    } rows[] = {
        {"data.size", "data.name=synth", "|data.name=mnist"},
        {"data.channels", "data.name=synth", ""},
        {"data.difficulty", "data.name=synth", ""},
        {"data.dir", NULL, "|data.name=mnist"},
        {"data.length", "data.name=copy|data.name=parity", "|data.name=text|data.name=npy"},
        {"data.min_length", "data.name=sort data.min_length=2|data.name=recall data.min_length=1",
         "data.name=sort|data.min_length=2|data.name=text data.min_length=2|data.name=npy data.min_length=2"},
        {"data.symbols", "data.name=copy|data.name=sort|data.name=recall",
         "|data.name=adding|data.name=parity|data.name=text"},
        {"data.unit", "data.name=text", "|data.name=copy|data.name=npy"},
        {"data.context", "data.name=text|data.name=npy data.context=32",
         "|data.name=npy|data.name=copy data.context=32"},
        {"data.sampling", "data.name=text|data.sampling=replace",
         "|data.name=copy|data.name=text data.sampling=shuffle"},
        {"data.block", "data.sampling=blocks", "|data.block=4|data.sampling=sorted data.block=4"},
        {"data.eval_order", "data.eval_order=sorted norm.eval=running,batch|data.eval_order=mixed norm.eval=batch",
         "|norm.eval=batch|data.eval_order=sorted|data.eval_order=sorted norm.eval=adapt|data.eval_order=sorted "
         "norm.eval=batch norm.kind=ln"},
        {"data.imbalance", "data.imbalance=10", "|data.name=text data.imbalance=10"},
        {"data.shift", "data.shift=noise|data.name=npy data.shift=blur",
         "|data.name=copy data.shift=noise|data.name=csv data.shift=noise"},
        {"data.shift_amount", "data.shift=noise data.shift_amount=0.1", "|data.shift=noise|data.shift_amount=0.1"},
        {"data.shift_on", "data.shift=noise data.shift_on=both", "|data.shift=noise|data.shift_on=train"},
        {"data.shift_from", "data.shift=noise data.shift_on=both data.shift_from=3",
         "|data.shift=noise data.shift_from=3|data.shift_on=train data.shift_from=3"},
        {"data.as", "data.as=rows|data.name=mnist data.as=pixels",
         "|data.name=copy data.as=rows|data.name=text data.as=rows"},
        {"data.patch", "data.as=patches", "|data.as=rows|data.name=text data.as=patches"},
        {"model.gelu_approximate", "model.activation=gelu", "|model.activation=tanh"},
        {"model.pool", "model.arch=cnn", "|model.arch=resnet"},
        {"model.residual", "model.residual=skipinit model.arch=resnet",
         "|model.residual=skipinit|model.arch=resnet|model.residual=fixup model.arch=cnn"},
        {"model.residual_alpha", "model.residual=nf model.arch=resnet norm.placement=preact",
         "|model.residual=nf|model.residual=fixup model.arch=resnet"},
        {"model.heads", "model.arch=transformer", "|model.arch=cnn"},
        {"model.gated", "model.arch=transformer", "|model.arch=layers"},
        {"model.causal", "model.arch=transformer", ""},
        {"model.init_std", "model.init=normal", "|model.init=xavier"},
        {"norm.placement", "|norm.kind=rms|norm.kind=none model.arch=resnet", "norm.kind=none"},
        {"norm.qk", "model.arch=transformer", "|model.arch=transformer norm.kind=none"},
        {"norm.final", "model.arch=transformer norm.kind=ln", "norm.kind=ln"},
        {"norm.depth_scale", "model.arch=transformer norm.kind=rms", "norm.kind=rms"},
        {"norm.leaks", NULL, "|model.arch=transformer"},
        {"norm.eps", "|norm.kind=in", "norm.kind=none"},
        {"norm.affine", "|norm.kind=gn", "norm.kind=none"},
        {"norm.gamma_init", "norm.gamma_init=0.5|norm.gamma_init=0.5 norm.kind=scalenorm",
         "|norm.gamma_init=0.5 norm.kind=none|norm.gamma_init=0.5 norm.kind=lrn"},
        {"norm.last_gamma",
         "norm.last_gamma=0 model.arch=resnet|norm.last_gamma=0 model.arch=transformer "
         "norm.placement=peri|norm.last_gamma=1 model.arch=resnet",
         "|norm.last_gamma=0|model.arch=resnet|norm.last_gamma=0 model.arch=transformer|norm.last_gamma=0 "
         "model.arch=resnet norm.placement=preact|norm.last_gamma=0 model.arch=resnet norm.kind=none"},
        {"norm.skip", "norm.skip=[1,-1]|norm.skip=2 model.arch=resnet norm.kind=ln", "|norm.skip=1 norm.kind=none"},
        {"norm.over", "norm.kind=ln model.arch=cnn|norm.kind=rms model.arch=cnn|norm.kind=ln model.arch=resnet",
         "|norm.kind=ln|norm.kind=gn model.arch=cnn"},
        {"norm.groups", "norm.kind=gn", "|norm.kind=ln|norm.kind=none"},
        {"norm.momentum", "", "norm.running=cumulative|norm.kind=gn|norm.kind=none"},
        {"norm.stat_batch", "", "norm.kind=in|norm.kind=none"},
        {"norm.running", "|norm.running=cumulative", "norm.kind=ln"},
        {"norm.running_var", "", "norm.kind=rms"},
        {"norm.eval", "", "norm.kind=ln|norm.kind=none"},
        {"norm.precise_batch", "norm.eval=running,precise", "|norm.kind=ln norm.eval=precise"},
        {"train.epochs", "", "train.steps=10"},
        {"train.lr_base_batch", "train.lr_scale=linear|train.lr_scale=sqrt", ""},
        {"train.momentum", "|train.optimizer=lars", "train.optimizer=adam|train.optimizer=adamw|train.optimizer=lion"},
        {"train.nesterov", "train.momentum=0.9",
         "|train.momentum=0.9 train.optimizer=adam|train.momentum=0.9 train.optimizer=lars"},
        {"train.beta1", "train.optimizer=adam|train.optimizer=adamw|train.optimizer=lion", "|train.optimizer=lars"},
        {"train.beta2", "train.optimizer=adam|train.optimizer=lion", "|train.optimizer=lars"},
        {"train.adam_eps", "train.optimizer=adamw", "|train.optimizer=lion|train.optimizer=lars"},
        {"train.trust", "train.optimizer=lars", "|train.optimizer=adam|train.optimizer=lion"},
        {"train.agc", "train.agc=0.01|train.agc=0.01 train.optimizer=adam", ""},
        {"train.weight_decay_on", "train.weight_decay=1e-4|train.weight_decay=1e-4 train.optimizer=lion",
         "|train.weight_decay=1e-4 train.optimizer=lars"},
        {"train.step_epochs", "train.schedule=step", "|train.schedule=cosine"},
        {"train.gamma", "train.schedule=step", "|train.schedule=linear"},
        {"train.lr_min", "train.schedule=cosine|train.schedule=linear",
         "|train.schedule=step|train.schedule=inverse_sqrt train.warmup_steps=3"},
        {"train.warmup_steps", "train.warmup_steps=3", ""},
        {"train.accumulate", "train.accumulate=4", ""},
        {"model.gate_bias", "model.arch=lstm model.gate_bias=chrono|model.arch=gru model.gate_bias=chrono",
         "model.arch=lstm|model.arch=rnn model.gate_bias=chrono"},
        {"model.forget_bias", "model.arch=lstm", "model.arch=lstm model.gate_bias=chrono|model.arch=gru"},
        {"model.stateful", "data.name=text data.sampling=stream model.arch=gru model.stateful=true",
         "data.name=text data.sampling=stream model.arch=gru|model.stateful=true"},
        {"train.label_smoothing", "train.label_smoothing=0.1", ""},
        {"plot.metric", NULL, "|plot.metric=test_loss"},
        {"train.seed", "|norm.kind=none train.optimizer=adam", NULL},
        {"device.kind", "|device.kind=ref", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int expected = 0; expected < 2; expected++) {
            const char *all = expected ? rows[i].with : rows[i].without;
            char *copy = all ? nl_strdup(all) : NULL, *rest = copy;
            while (rest) {
                char *settings = strsep(&rest, "|");
                struct nl_config config = config_of(settings);
                ck_assert_msg(nl_key_applies(nl_key_named(rows[i].key), &config) == expected, "%s with '%s'",
                              rows[i].key, settings);
            }
            free(copy);
        }
}
END_TEST

static bool same_identity(const char *a, const char *b)
{
    struct nl_config left = config_of(a), right = config_of(b);
    char *of_left = nl_config_identity_text(&left), *of_right = nl_config_identity_text(&right);
    bool same = !strcmp(of_left, of_right);
    free(of_left);
    free(of_right);
    return same;
}

START_TEST(identity_is_what_is_computed)
{
    ck_assert(same_identity("train.lr=0.1 train.batch=8", "train.batch=8 train.lr=1e-1"));
    ck_assert(same_identity("plot.metric=test_loss plot.title=x", ""));
    ck_assert(same_identity("norm.kind=none norm.groups=2 norm.eps=0.1", "norm.kind=none"));
    ck_assert(same_identity("data.name=mnist data.dir=/a", "data.name=mnist data.dir=/b"));
    ck_assert(!same_identity("norm.groups=2 norm.kind=gn", "norm.kind=gn"));
    ck_assert(!same_identity("train.lr=0.1", "train.lr=0.1000000000000001"));
    ck_assert(!same_identity("device.kind=ref", ""));
    ck_assert(same_identity("train.optimizer=adam",
                            "train.optimizer=adam train.beta2=0.999")); /* an auto that follows from another key */
    ck_assert(same_identity("train.optimizer=lion", "train.optimizer=lion train.beta2=0.99"));
    ck_assert(!same_identity("train.optimizer=lion", "train.optimizer=lion train.beta2=0.999"));
    ck_assert(same_identity("norm.placement=before", ""));
    ck_assert(same_identity("model.arch=transformer norm.kind=ln",
                            "model.arch=transformer norm.kind=ln norm.placement=pre norm.over=position norm.final=on"));
    ck_assert(!same_identity("model.arch=transformer norm.kind=ln",
                             "model.arch=transformer norm.kind=ln norm.placement=post"));
    ck_assert(same_identity("model.arch=transformer", "model.arch=transformer norm.leaks=allow"));
    ck_assert(same_identity("model.arch=transformer data.name=text",
                            "model.arch=transformer data.name=text model.causal=on"));
    ck_assert(!same_identity("model.arch=transformer data.name=text",
                             "model.arch=transformer data.name=text model.causal=off"));
    ck_assert(same_identity("model.arch=transformer", "model.arch=transformer model.causal=off"));
    ck_assert(!same_identity("model.arch=transformer data.name=npy",
                             "model.arch=transformer data.name=npy model.causal=on")); /* auto goes by the files */
    struct nl_config config = config_of("");
    char *text = nl_config_identity_text(&config);
    ck_assert_ptr_nonnull(strstr(text, "\ntrain.lr: 0.05\n"));
    ck_assert_ptr_null(strstr(text, "plot."));
    free(text);
    config = config_of("train.optimizer=adamw");
    text = nl_config_identity_text(&config);
    ck_assert_ptr_nonnull(strstr(text, "\ntrain.beta2: 0.999\n")); /* as before there was an auto */
    ck_assert_ptr_null(strstr(text, "trust"));
    free(text);
}
END_TEST

/* YAML 1.1 takes yes, no, on and off for truth values, and writes true and false again. Identities and tables have on
 * and off, as they always had. */
START_TEST(truth_values_have_many_spellings)
{
    static const char *const words[2][8] = {{"false", "no", "off", "False", "FALSE", "NO", "Off", "OFF"},
                                            {"true", "yes", "on", "True", "TRUE", "YES", "On", "ON"}};
    int switches = 0;
    for (const struct nl_key *key = nl_keys; key < nl_keys + nl_key_count; key++) {
        bool is_switch = key->choices == nl_switch_names;
        for (int i = 0; i < 16 && (is_switch || key->type == NL_TYPE_BOOL); i++) {
            struct nl_config config;
            nl_config_defaults(&config);
            set(&config, key->name, words[i / 8][i % 8]);
            char *shown = nl_key_text(key, &config), *recorded = nl_key_recorded(key, &config),
                 *value = nl_key_value(key, &config);
            ck_assert_str_eq(shown, words[i / 8][0]);
            ck_assert_str_eq(recorded, words[i / 8][is_switch ? 2 : 0]);
            ck_assert_str_eq(value, recorded);
            free(shown), free(recorded), free(value);
        }
        switches += is_switch;
    }
    ck_assert_int_eq(switches, 6);
    for (int i = 0; i < 16; i++) {
        struct nl_config config;
        nl_config_defaults(&config);
        char *layers = nl_format("[{layers: [{linear: 3, bias: %s}], name: b}, {linear: classes, bias: auto}]",
                                 words[i / 8][i % 8]);
        set(&config, "model.layers", layers);
        free(layers);
        char *shown = nl_key_text(nl_key_find("model.layers"), &config),
             *recorded = nl_key_recorded(nl_key_find("model.layers"), &config);
        ck_assert_ptr_nonnull(
            strstr(shown, i < 8 ? "{linear: 3, bias: false}], name: b}, {linear: classes, bias: auto}]"
                                : "{linear: 3, bias: true}], name: b}, {linear: classes, bias: auto}]"));
        ck_assert_ptr_nonnull(
            strstr(recorded, i < 8 ? "{linear: 3, bias: off}], name: b}" : "{linear: 3, bias: on}], name: b}"));
        free(shown), free(recorded);
    }
    ck_assert(same_identity("model.bias=false norm.kind=none", "model.bias=off norm.kind=none"));
    struct nl_config config = config_of("model.bias=false norm.kind=none");
    char *identity = nl_config_identity_text(&config);
    ck_assert_ptr_nonnull(strstr(identity, "model.bias: off\n"));
    free(identity);
}
END_TEST

/* A folder remembers the checksum of its claim: other words for the same leave it as it is. */
START_TEST(a_claim_keeps_its_checksum)
{
    static const char *const text[2][5] = {{"on", "[on, off]", "on", "off", "{linear: classes, bias: off}"},
                                           {"by", "[true, false]", "true", "false", "{linear: classes, bias: false}"}};
    char *folder = scratch_make(), *path = nl_path_join(folder, "a.yaml"), hex[2][NL_HASH_HEX];
    for (int i = 0; i < 2; i++) {
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        struct nl_error err;
        char *file = nl_format("data: {val: 64}\nmodel: {layers: [{linear: 3}, norm, %s], arch: layers}\n"
                               "sweep: {grid: {model.bias: %s}, tune: {train.lr: [0.1, 1], %s: val_loss}}\n"
                               "claim:\n  says: a\n  source: b\n  measure: {metric: test_loss}\n"
                               "  parts: [{says: c, of: {model.bias: %s}, minus: {model.bias: %s}, smallest: 1}]\n",
                               text[i][4], text[i][1], text[i][0], text[i][2], text[i][3]);
        ck_assert_msg(nl_file_write(path, file, strlen(file), &err) == NL_OK, "%s", err.text);
        if (nl_experiment_load(path, NULL, 0, &experiment, &diagnostics))
            ck_abort_msg("%s", nl_diagnostics_text(&diagnostics));
        nl_published_hash(&experiment, hex[i]);
        free(file);
    }
    ck_assert_str_eq(hex[0], hex[1]);
    ck_assert_str_eq(hex[0], "72a7455f73dd6aab023dfce9d3ab01f76ffc973627889748cd8021cdb7f94de8");
    free(path);
    scratch_remove(folder);
}
END_TEST

START_TEST(combinations_are_checked)
{
    static const struct {
        const char *overrides[5], *text; /* text: all diagnostics, "" for none */
    } rows[] = {
        {{"norm.kind=bn"}, ""},
        {{"norm.kind=ln", "norm.affine=element"}, ""},
        {{"norm.kind=none", "norm.affine=element"}, ""},
        {{"norm.kind=in", "norm.affine=element"},
         "command line: 'norm.affine' cannot be 'element' with 'norm.kind' in: its gamma and beta are one a channel\n"
         "      | norm.affine=element\n"
         "      |             ^~~~~~~\n"},
        {{"norm.kind=bn", "norm.affine=element"},
         "command line: 'norm.affine' cannot be 'element' with 'norm.kind' bn: its gamma and beta are one a channel\n"
         "      | norm.affine=element\n"
         "      |             ^~~~~~~\n"},
        {{"train.nesterov=on"},
         "command line: 'train.nesterov' needs a 'train.momentum' above 0\n"
         "      | train.nesterov=on\n"
         "      |                ^~\n"
         "  'train.momentum' is 0 by default\n"},
        {{"train.nesterov=on", "train.momentum=0.9"}, ""},
        {{"train.nesterov=on", "train.optimizer=adam"}, ""},
        {{"train.lr_min=1", "train.schedule=cosine"},
         "command line: 'train.lr_min' 1 is above 'train.lr' 0.05\n"
         "      | train.lr_min=1\n"
         "      |              ^\n"
         "  'train.lr' is 0.05 by default\n"},
        {{"train.lr_min=1"}, ""},
        {{"train.warmup_steps=9", "train.warmup_epochs=0.5"},
         "command line: 'train.warmup_steps' 9 and 'train.warmup_epochs' 0.5 are two lengths of one warm-up: leave one "
         "at 0\n"
         "      | train.warmup_steps=9\n"
         "      |                    ^\n"},
        {{"train.schedule=inverse_sqrt"},
         "command line: 'train.schedule' inverse_sqrt falls from the end of a warm-up on: it needs "
         "'train.warmup_steps' or 'train.warmup_epochs'\n"
         "      | train.schedule=inverse_sqrt\n"
         "      |                ^~~~~~~~~~~~\n"
         "  'train.warmup_epochs' is 0 by default; 'train.warmup_steps' is 0 by default\n"},
        {{"train.schedule=inverse_sqrt", "train.warmup_epochs=0.5"}, ""},
        {{"train.accumulate=5"},
         "command line: 'train.accumulate' 5 does not divide 'train.batch' 32, the samples of all micro-batches "
         "together\n"
         "      | train.accumulate=5\n"
         "      |                  ^\n"
         "  'train.batch' is 32 by default\n"},
        {{"train.accumulate=4", "norm.kind=cbn"},
         "command line: 'train.accumulate' cannot be combined with cbn, which has one batch in each step to remember\n"
         "      | train.accumulate=4\n"
         "      |                  ^\n"},
        {{"train.accumulate=4", "train.workers=2"},
         "command line: 'train.accumulate' and 'train.workers' both divide a batch: leave one at 1\n"
         "      | train.accumulate=4\n"
         "      |                  ^\n"},
        {{"train.accumulate=4", "log.tensors=[fc1]"},
         "command line: 'train.accumulate' cannot be combined with 'log.tensors', which shows tensors of a whole "
         "batch\n"
         "      | train.accumulate=4\n"
         "      |                  ^\n"},
        {{"data.sampling=stream"},
         "command line: 'data.sampling' stream goes through one long text: the samples of 'data.name' digits do not "
         "follow one another\n"
         "      | data.sampling=stream\n"
         "      |               ^~~~~~\n"
         "  'data.name' is digits by default\n"},
        {{"data.name=text", "data.sampling=stream", "train.drop_last=false"},
         "command line: 'data.sampling' stream needs whole batches: 'train.drop_last' true leaves the last one out\n"
         "      | train.drop_last=false\n"
         "      |                 ^~~~~\n"},
        {{"data.name=text", "model.arch=gru", "model.stateful=true"},
         "command line: 'model.stateful' continues where the batch before ended: it needs 'data.sampling' stream\n"
         "      | model.stateful=true\n"
         "      |                ^~~~\n"
         "  'data.sampling' is auto by default\n"},
        {{"data.name=text", "data.sampling=stream", "model.arch=gru", "model.stateful=true",
          "model.bidirectional=true"},
         "command line: 'model.stateful' cannot be combined with 'model.bidirectional', of which one direction begins "
         "at the end\n"
         "      | model.stateful=true\n"
         "      |                ^~~~\n"},
        {{"data.name=text", "data.sampling=stream", "model.arch=gru", "model.stateful=true"}, ""},
        {{"model.arch=resnet", "model.depth=20", "norm.placement=preact"}, ""},
        {{"model.arch=resnet", "model.depth=9"},
         "command line: 'model.depth' 9 is not 6n + 2: a resnet has 8, 14, 20, 26, ... layers\n"
         "      | model.depth=9\n"
         "      |             ^\n"},
        {{"model.arch=resnet", "model.depth=2", "norm.placement=after"},
         "command line: 'model.depth' 2 is not 6n + 2: a resnet has 8, 14, 20, 26, ... layers\n"
         "      | model.depth=2\n"
         "      |             ^\n"
         "command line: 'norm.placement' cannot be 'after' with 'model.arch' resnet: before or preact\n"
         "      | norm.placement=after\n"
         "      |                ^~~~~\n"},
        {{"norm.placement=preact"},
         "command line: 'norm.placement' cannot be 'preact' without 'model.arch' resnet: before or after\n"
         "      | norm.placement=preact\n"
         "      |                ^~~~~~\n"
         "  'model.arch' is mlp by default\n"},
        {{"norm.placement=peri"},
         "command line: 'norm.placement' peri is for 'model.arch' transformer; for mlp it is before or after\n"
         "      | norm.placement=peri\n"
         "      |                ^~~~\n"
         "  'model.arch' is mlp by default\n"},
        {{"model.arch=lstm", "norm.placement=post"},
         "command line: 'norm.placement' post is for 'model.arch' transformer; for lstm it is auto\n"
         "      | norm.placement=post\n"
         "      |                ^~~~\n"},
        {{"model.init=gpt2"},
         "command line: 'model.init' gpt2 is for 'model.arch' transformer: write he, xavier or normal\n"
         "      | model.init=gpt2\n"
         "      |            ^~~~\n"
         "  'model.arch' is mlp by default\n"},
        {{"model.arch=transformer", "norm.placement=deepnorm", "norm.kind=ln", "model.positions=rotary"}, ""},
        {{"model.arch=transformer", "norm.placement=before"},
         "command line: 'norm.placement' cannot be 'before' with 'model.arch' transformer: pre, post, peri, sandwich "
         "or deepnorm\n"
         "      | norm.placement=before\n"
         "      |                ^~~~~~\n"},
        {{"model.arch=transformer", "norm.placement=post", "model.parallel=true"},
         "command line: 'model.parallel' has one normalizer in front of both branches: it needs 'norm.placement' pre, "
         "not post\n"
         "      | model.parallel=true\n"
         "      |                ^~~~\n"},
        {{"train.clip_norm=1", "train.clip_value=1"}, ""},
        {{"model.arch=resnet", "model.depth=8", "model.residual=nf", "norm.placement=preact"}, ""},
        {{"model.residual=nf"}, ""}, /* no network with branches */
        {{"model.arch=resnet", "model.depth=8", "model.residual=nf"},
         "command line: 'model.residual' nf needs 'norm.placement' preact: its branches begin with the activation\n"
         "      | model.residual=nf\n"
         "      |                ^~\n"
         "  'norm.placement' is auto by default\n"},
        {{"model.arch=layers", "model.layers=[{residual: [conv: 4]}, linear: classes]", "model.residual=fixup"},
         "command line: 'model.residual' fixup is for 'model.arch' resnet; in 'model.layers' a branch is plain or "
         "skipinit\n"
         "      | model.residual=fixup\n"
         "      |                ^~~~~\n"},
        {{"plot.ymin=low"},
         "command line: 'plot.ymin' must be a number or 'auto', not 'low'\n"
         "      | plot.ymin=low\n"
         "      |           ^~~\n"},
        {{"plot.ymin=2", "plot.ymax=1e0"},
         "command line: 'plot.ymax' 1e0 is not above 'plot.ymin' 2\n"
         "      | plot.ymax=1e0\n"
         "      |           ^~~\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nl_experiment experiment;
        struct nl_diagnostics diagnostics = {0};
        int count = 0;
        while (count < 5 && rows[i].overrides[count])
            count++;
        ck_assert_int_eq(nl_experiment_load(NULL, rows[i].overrides, count, &experiment, &diagnostics), NL_OK);
        nl_config_check(&experiment.config, &experiment, &diagnostics);
        nl_config_check(&experiment.config, &experiment, &diagnostics); /* once a trial: said once */
        char *text = nl_diagnostics_text(&diagnostics);
        ck_assert_str_eq(text, rows[i].text);
        free(text);
        nl_diagnostics_release(&diagnostics);
    }
}
END_TEST

START_TEST(complaints_about_defaults_say_so)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_int_eq(nl_experiment_load(NULL, NULL, 0, &experiment, &diagnostics), NL_OK);
    nl_complain(&diagnostics, &experiment, "norm.groups", "'norm.groups' %d does not divide %d channels", 8, 12);
    char *text = nl_diagnostics_text(&diagnostics);
    ck_assert_str_eq(text, "'norm.groups' 8 does not divide 12 channels\n  'norm.groups' is 8 by default\n");
    free(text);
    nl_diagnostics_release(&diagnostics);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("keys");
    tcase_add_test(tests, synonyms_are_names_of_keys);
    tcase_add_test(tests, every_key_has_a_legal_default_that_reads_back);
    tcase_add_test(tests, defaults_outlive_what_is_given_back);
    tcase_add_test(tests, bounds_are_inclusive_and_tight);
    tcase_add_test(tests, every_choice_reads_back_and_no_other);
    tcase_add_test(tests, one_value_has_one_text);
    tcase_add_test(tests, wrong_values_say_what_is_legal);
    tcase_add_test(tests, octal_look_alikes_are_no_numbers);
    tcase_add_test(tests, nearest_key_is_found);
    tcase_add_test(tests, keys_apply_where_they_matter);
    tcase_add_test(tests, identity_is_what_is_computed);
    tcase_add_test(tests, truth_values_have_many_spellings);
    tcase_add_test(tests, a_claim_keeps_its_checksum);
    tcase_add_test(tests, combinations_are_checked);
    tcase_add_test(tests, complaints_about_defaults_say_so);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

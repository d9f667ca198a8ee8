/* In which order samples are trained on and evaluated, and how many of each class there are. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "configured.h"
#include "datasets.h"
#include "suite.h"

static struct nl_config checked(const char *const *overrides)
{
    struct nl_experiment experiment = loaded(overrides, NULL);
    struct nl_diagnostics diagnostics = {0};
    nl_data_check(&experiment.config, &experiment, &diagnostics);
    ck_assert_msg(diagnostics.count == 0, "%s", nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

static int by_number(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static void check_same_samples(const int32_t *one, const int32_t *other, int count)
{
    size_t bytes = (size_t)count * sizeof *one;
    int32_t *a = nl_alloc((size_t)count, sizeof *a), *b = nl_alloc((size_t)count, sizeof *b);
    memcpy(a, one, bytes);
    memcpy(b, other, bytes);
    qsort(a, (size_t)count, sizeof *a, by_number);
    qsort(b, (size_t)count, sizeof *b, by_number);
    ck_assert_mem_eq(a, b, bytes);
    free(a);
    free(b);
}

/* Sorted, samples of a class follow one another as in the shuffled epoch; labels are those with noise. */
START_TEST(sorted_epochs)
{
    const char *const overrides[] = {"data.sampling=sorted", "data.train=300", "train.label_noise=0.2", NULL};
    struct nl_config config = checked(overrides), shuffled = config;
    shuffled.data.sampling = NL_SAMPLE_SHUFFLE;
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config), plain = make_view(set, &shuffled);
    int32_t order[300], other[300], expected[300];
    for (int epoch = 0; epoch < 3; epoch++) {
        int at = 0;
        nl_epoch_order(&view, 7, epoch, order);
        nl_epoch_order(&plain, 7, epoch, other);
        for (int k = 0; k < 10; k++)
            for (int i = 0; i < 300; i++)
                if (plain.labels[other[i]] == k)
                    expected[at++] = other[i];
        ck_assert_mem_eq(order, expected, sizeof order);
        ck_assert(!nl_epoch_is_plain(&view, epoch) && nl_epoch_is_plain(&plain, epoch));
    }
    nl_split_release(&view);
    nl_split_release(&plain);
    nl_dataset_free(set);
}
END_TEST

/* 20 samples of each class in blocks of 8, 8 and 4: a block has one class, and all orders of blocks occur. */
START_TEST(epochs_of_blocks)
{
    const char *const overrides[] = {
        "data.name=synth", "data.size=4", "data.train=200", "data.test=10", "data.sampling=blocks",
        "data.block=8",    NULL};
    struct nl_config config = checked(overrides);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    int32_t order[200], again[200];
    int firsts = 0, first_classes[10] = {0};
    for (int k = 0; k < 10; k++) {
        int samples = 0;
        for (int i = 0; i < 200; i++)
            samples += view.labels[view.train[i]] == k;
        ck_assert_int_eq(samples, 20);
    }
    for (int epoch = 0; epoch < 100; epoch++) {
        int blocks[3] = {0}, mixed = 0; /* of 8, of 4, and others */
        nl_epoch_order(&view, 3, epoch, order);
        nl_epoch_order(&view, 3, epoch, again);
        ck_assert_mem_eq(order, again, sizeof order);
        check_same_samples(order, view.train, 200);
        for (int i = 0, length; i < 200; i += length) {
            length = 1;
            while (i + length < 200 && view.labels[order[i + length]] == view.labels[order[i]])
                length++;
            blocks[length % 8 == 0 ? 0 : length % 8 == 4 ? 1 : 2] += length;
            mixed += length > 8;
        }
        ck_assert_int_eq(blocks[2], 0);
        ck_assert_int_lt(mixed, 10); /* neighbours of one class now and then */
        first_classes[view.labels[order[0]]]++;
    }
    for (int k = 0; k < 10; k++)
        firsts += first_classes[k] > 0;
    ck_assert_int_eq(firsts, 10);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

/* Evaluated with a batch's own statistics, parts are sorted or spread; else they are as ever, whatever the key says. */
START_TEST(orders_of_evaluation)
{
    const char *const overrides[] = {"norm.eval=batch", "data.eval_order=sorted", "data.val=100", NULL};
    struct nl_config config = checked(overrides), usual = config;
    usual.data.eval_order = NL_EVAL_SHUFFLED;
    struct nl_dataset *set = open_set(&config);
    struct nl_split sorted = make_view(set, &config), shuffled = make_view(set, &usual);
    config.data.eval_order = NL_EVAL_MIXED;
    struct nl_split mixed = make_view(set, &config);
    config.norm.eval.at[0] = NL_EVAL_RUNNING;
    struct nl_split unread = make_view(set, &config);
    ck_assert_mem_eq(unread.test, shuffled.test, (size_t)shuffled.test_count * sizeof *unread.test);
    ck_assert_mem_eq(sorted.train, shuffled.train, (size_t)shuffled.train_count * sizeof *unread.train);
    check_same_samples(sorted.test, shuffled.test, shuffled.test_count);
    check_same_samples(mixed.test, shuffled.test, shuffled.test_count);
    check_same_samples(sorted.val, shuffled.val, shuffled.val_count);
    int all[10] = {0}, seen[10] = {0};
    for (int i = 0; i < sorted.test_count; i++) {
        all[set->labels[sorted.test[i]]]++;
        ck_assert(i == 0 || set->labels[sorted.test[i]] >= set->labels[sorted.test[i - 1]]);
        ck_assert(i == 0 || i >= sorted.val_count || set->labels[sorted.val[i]] >= set->labels[sorted.val[i - 1]]);
    }
    for (int i = 0; i < mixed.test_count; i++) { /* of the first so many each class has its share */
        seen[set->labels[mixed.test[i]]]++;
        for (int k = 0; k < 10; k++)
            ck_assert(abs(seen[k] * mixed.test_count - all[k] * (i + 1)) <= mixed.test_count);
    }
    nl_split_release(&sorted);
    nl_split_release(&shuffled);
    nl_split_release(&mixed);
    nl_split_release(&unread);
    nl_dataset_free(set);
}
END_TEST

static void count_classes(const struct nl_split *view, int *count)
{
    memset(count, 0, 10 * sizeof *count);
    for (int i = 0; i < view->train_count; i++)
        count[view->dataset->labels[view->train[i]]]++;
}

/* The samples of CIFAR-10-LT, as Cao et al. 2019 (LDAM) list them for a ratio of 100; 12,406 in all. */
START_TEST(long_tails_are_those_that_are_published)
{
    static const int published[10] = {5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50};
    const char *const overrides[] = {
        "data.name=synth",    "data.size=4", "data.channels=1", "data.train=50000", "data.test=30",
        "data.imbalance=100", NULL};
    struct nl_config config = checked(overrides);
    struct nl_dataset *set = open_set(&config);
    struct nl_split view = make_view(set, &config);
    int count[10];
    count_classes(&view, count);
    ck_assert_mem_eq(count, published, sizeof count);
    ck_assert_int_eq(view.train_count, 12406);
    ck_assert_int_eq(nl_data_counts(&config).train, 12406);
    ck_assert_int_eq(view.test_count, 30);
    nl_split_release(&view);
    nl_dataset_free(set);
}
END_TEST

/* Where a class has too few, the next ones give: there are as many samples as the configuration says, and they are those
 * that come first in the split. Label noise comes later. */
START_TEST(what_a_class_lacks_the_next_ones_give)
{
    for (int seed = 0; seed < 20; seed++) {
        char *of_seed = nl_format("data.split_seed=%d", seed);
        const char *const overrides[] = {of_seed, "data.imbalance=1.5", "data.val=200", "train.label_noise=0.3", NULL};
        struct nl_config config = checked(overrides), balanced = config;
        balanced.data.imbalance = 1;
        struct nl_dataset *set = open_set(&config);
        struct nl_split view = make_view(set, &config), whole = make_view(set, &balanced);
        int count[10], there[10], missing = 0, at = 0;
        count_classes(&view, count);
        count_classes(&whole, there);
        for (int k = 0; k < 10; k++) {
            static const int wanted[10] = {120, 115, 110, 105, 100, 96, 92, 88, 84, 80}; /* floor(120.8 / 1.5^(k/9)) */
            int due = missing + wanted[k];
            ck_assert_int_eq(count[k], due < there[k] ? due : there[k]);
            missing = due - count[k];
        }
        ck_assert_int_eq(missing, 0);
        ck_assert_int_eq(view.train_count, nl_data_counts(&config).train);
        for (int i = 0; i < whole.train_count && at < view.train_count; i++)
            at += whole.train[i] == view.train[at];
        ck_assert_int_eq(at, view.train_count);
        check_same_samples(view.val, whole.val, whole.val_count);
        nl_split_release(&view);
        nl_split_release(&whole);
        nl_dataset_free(set);
        free(of_seed);
    }
}
END_TEST

static const struct {
    const char *overrides[4]; /* ends with NULL */
    const char *message;
} check_cases[] = {
    {{"data.name=text", "data.sampling=sorted"},
     "'data.sampling' sorted is for data with one class a sample, which 'text' has not"},
    {{"data.name=adding", "data.sampling=blocks"},
     "'data.sampling' blocks is for data with one class a sample, which 'adding' has not"},
    {{"data.name=copy", "data.imbalance=10"},
     "'data.imbalance' 10 is for data with one class a sample, which 'copy' has not"},
};

START_TEST(check_complains)
{
    check_data_complaint(check_cases[_i].overrides, check_cases[_i].message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tests = tcase_create("order");
    tcase_add_test(tests, sorted_epochs);
    tcase_add_test(tests, epochs_of_blocks);
    tcase_add_test(tests, orders_of_evaluation);
    tcase_add_test(tests, long_tails_are_those_that_are_published);
    tcase_add_test(tests, what_a_class_lacks_the_next_ones_give);
    tcase_add_loop_test(tests, check_complains, 0, (int)(sizeof check_cases / sizeof *check_cases));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

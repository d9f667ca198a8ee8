/* What PyTorch computed, and of what: tests/golden/NAME.safetensors, which tests/golden/NAME.py made of
 * tests/golden/NAME.cases.
 *
 * A line of the cases is a name and key=value words; the words of the first line are part of every case. '#' begins a
 * comment, and '~' in a word stands for a blank. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "base/safetensors.h"
#include "config/config.h"
#include "config/diagnostics.h"

enum { GOLDEN_WORDS = 64 };

struct golden_case {
    const char *name;
    const char *word[GOLDEN_WORDS];
    int words;
};

struct golden {
    const char *name;
    char *text; /* in which all words stand */
    struct golden_case *at;
    int count, capacity;
    struct nl_tensor_file tensors;
};

/* Cuts the text into lines and words where it stands. */
static inline void golden_read_cases(struct golden *golden)
{
    struct golden_case common = {0};
    char *lines, *words;
    for (char *line = strtok_r(golden->text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
        if (*line == '#')
            continue;
        struct golden_case read = common;
        read.name = strtok_r(line, " ", &words);
        for (char *word; (word = strtok_r(NULL, " ", &words));) {
            NL_ASSERT(read.words < GOLDEN_WORDS);
            for (char *blank; (blank = strchr(word, '~'));)
                *blank = ' ';
            read.word[read.words++] = word;
        }
        if (!common.name) {
            common = read;
            continue;
        }
        NL_GROW(golden->at, golden->count, golden->capacity);
        golden->at[golden->count++] = read;
    }
}

static inline void golden_release(struct golden *golden)
{
    nl_safetensors_release(&golden->tensors);
    free(golden->at);
    free(golden->text);
}

/* To be released either way. False: it cannot be read, and stderr says why. */
static inline bool golden_read(struct golden *golden, const char *name)
{
    struct nl_error err = {""};
    char *cases = nl_format("%s/golden/%s.cases", NORMLAB_TESTS_DIR, name),
         *tensors = nl_format("%s/golden/%s.safetensors", NORMLAB_TESTS_DIR, name);
    *golden = (struct golden){.name = name, .text = nl_file_read(cases, NULL, &err)};
    bool good = golden->text && nl_safetensors_read(tensors, &golden->tensors, &err) == NL_OK;
    if (good)
        golden_read_cases(golden);
    else
        fprintf(stderr, "%s\n", err.text);
    free(cases);
    free(tensors);
    return good;
}

/* What is stored under "<case>/<tensor>": float64, of so many elements. */
static inline const double *golden_stored(const struct golden *golden, const struct golden_case *of, const char *tensor,
                                          size_t count)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", of->name, tensor);
    const struct nl_tensor_file_entry *entry = nl_safetensors_find(&golden->tensors, name);
    ck_assert_msg(entry != NULL, "%s is not stored: run tests/golden/%s.py", name, golden->name);
    size_t elements = 1;
    for (int d = 0; d < entry->dims; d++)
        elements *= entry->shape[d];
    ck_assert_msg(entry->type == NL_F64 && elements == count, "%s: not %zu doubles", name, count);
    return entry->data;
}

/* Whether an entry belongs to the case. Its tensor's name, or NULL. */
static inline const char *golden_tensor_of(const struct nl_tensor_file_entry *entry, const struct golden_case *of)
{
    size_t length = strlen(of->name);
    return strncmp(entry->name, of->name, length) == 0 && entry->name[length] == '/' ? entry->name + length + 1 : NULL;
}

/* The configuration that the words override; one without '=' is no key, as the shape of a layer. */
static inline struct nl_config golden_config(const struct golden_case *of, const char *device)
{
    const char *words[GOLDEN_WORDS + 1];
    int count = 0;
    for (int i = 0; i < of->words; i++)
        if (strchr(of->word[i], '='))
            words[count++] = of->word[i];
    words[count++] = device;
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    ck_assert_msg(nl_experiment_load(NULL, words, count, &experiment, &diagnostics) == NL_OK, "%s: %s",
                  of->name, nl_diagnostics_text(&diagnostics));
    return experiment.config;
}

#endif

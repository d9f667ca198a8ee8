/* What config/answers.def says is true of this program: each key that an answer names is there and each value legal,
 * an axis can be swept, a command is one of cmd/main.c, an option one of a command, and a file is shipped. */
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "config/config.h"
#include "suite.h"

static const struct {
    const char *words, *text;
} answers[] = {
#define ANSWER(words, text) {words, text},
#include "config/answers.def"
#undef ANSWER
};
enum { ANSWERS = sizeof answers / sizeof *answers };

static char *text_of(const char *file)
{
    struct nl_error err;
    size_t length;
    char *path = nl_format("%s/../%s", NORMLAB_TESTS_DIR, file), *text = nl_file_read(path, &length, &err);
    ck_assert_msg(text, "%s", err.text);
    free(path);
    return text;
}

/* The next piece of the text between blanks, without a mark of punctuation at its end; "" after the last. */
static const char *next_word(const char *at, char word[80])
{
    at += strspn(at, " (");
    size_t length = strcspn(at, " )");
    ck_assert_msg(length < 80, "%s", at);
    snprintf(word, 80, "%.*s", (int)length, at);
    for (size_t last = length; last > 0 && strchr(",;", word[last - 1]); last--)
        word[last - 1] = '\0';
    return at + length;
}

static bool is_field(const char *word, const char *section, const struct nl_field *field)
{
    size_t length = strlen(section);
    while (field->name &&
           (strncmp(word, section, length) != 0 || word[length] != '.' || strcmp(word + length + 1, field->name) != 0))
        field++;
    return field->name;
}

/* Whether the word begins like a key: with the name of a section and a dot. */
static bool has_section(const char *word)
{
    bool has = strncmp(word, "sweep.", 6) == 0;
    for (const struct nl_section *section = nl_sections; section->name; section++) {
        size_t length = strlen(section->name);
        has |= strncmp(word, section->name, length) == 0 && word[length] == '.' &&
               islower((unsigned char)word[length + 1]);
    }
    return has;
}

static void loads(const char *override, const char *text)
{
    struct nl_experiment experiment;
    struct nl_diagnostics diagnostics = {0};
    int result = nl_experiment_load(NULL, &override, 1, &experiment, &diagnostics);
    ck_assert_msg(result == NL_OK, "%s: %s: %s", text, override, diagnostics.count ? diagnostics.at[0].message : "");
    nl_diagnostics_release(&diagnostics);
}

static int keys, values, axes, commands, options;

/* "norm.kind:" with the value after it, "norm.kind=bn,gn", or a key alone. FILE is no value to be tried. */
static void try_key(const char *word, const char *next, const char *text)
{
    char name[80], value[80];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, ":="), word);
    bool field = is_field(name, "sweep", nl_sweep_fields);
    ck_assert_msg(nl_key_find(name) || field, "%s: there is no key %s", text, name);
    keys++;
    if (strchr(word, '=')) {
        loads(word, text);
        axes++;
    } else if (word[strlen(word) - 1] == ':') {
        next_word(next, value);
        if (strncmp(value, "FILE", 4) == 0)
            return;
        char *override = nl_format("%s=%s", name, value);
        loads(override, text);
        free(override);
        values++;
    }
}

START_TEST(answers_name_what_there_is)
{
    char *table = text_of("cmd/main.c"), *run = text_of("cmd/run.c"), *sweep = text_of("cmd/sweep.c"),
         *eval = text_of("cmd/eval.c"), *init = text_of("cmd/init.c");
    for (int i = 0; i < ANSWERS; i++) {
        char word[80], next[80];
        const char *text = answers[i].text;
        for (const char *at = next_word(text, word); *word; at = next_word(at, word)) {
            next_word(at, next);
            if (has_section(word)) {
                try_key(word, at, text);
            } else if (strcmp(word, "normlab") == 0) {
                static const char *const verbs[] = {"has", "trains", "exports"};
                bool verb = false;
                for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
                    verb |= strcmp(next, verbs[v]) == 0;
                char *command = nl_format("&command_%s", next);
                ck_assert_msg(verb || strstr(table, command), "%s: there is no command %s", text, next);
                commands += !verb;
                free(command);
            } else if (strncmp(word, "--", 2) == 0) {
                char *listed = nl_format("%s ", word);
                ck_assert_msg(strcmp(word, "--quiet") == 0 || strcmp(word, "--verbose") == 0 || strstr(run, listed) ||
                                  strstr(sweep, listed) || strstr(eval, listed) || strstr(init, listed),
                              "%s: no command has the option %s", text, word);
                options++;
                free(listed);
            } else if (strncmp(word, "configs/", 8) == 0) {
                char *path = nl_format("%s/../%s", NORMLAB_TESTS_DIR, word);
                ck_assert_msg(nl_file_exists(path), "%s: there is no %s", text, word);
                free(path);
            }
        }
    }
    free(table);
    free(run);
    free(sweep);
    free(eval);
    free(init);
    ck_assert_msg(keys > 60 && values > 30 && axes > 5 && commands > 10 && options > 8,
                  "%d keys, %d values, %d axes, %d commands and %d options", keys, values, axes, commands, options);
}
END_TEST

/* Written as they are compared, each once, and each is answered, in a section or without one. None is a key or a value
 * by itself, but for three values that mean something else. */
START_TEST(each_word_has_one_answer)
{
    int words = 0;
    for (int i = 0; i < ANSWERS; i++) {
        char word[80];
        for (const char *at = next_word(answers[i].words, word); *word; at = next_word(at, word)) {
            ck_assert_msg(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(word), "%s", word);
            const char *answer = nl_key_answer(word);
            ck_assert_msg(answer && strcmp(answer, answers[i].text) == 0, "%s is answered twice", word);
            char *inside = nl_format("train.%s", word);
            ck_assert_ptr_eq(nl_key_answer(inside), answer);
            free(inside);
            bool otherwise = strcmp(word, "ema") == 0 || strcmp(word, "l1") == 0 || strcmp(word, "gpt2") == 0;
            for (int k = 0; k < nl_key_count && !otherwise; k++)
                ck_assert_msg(!nl_key_is_called(nl_keys[k].name, word, false), "%s is %s", word, nl_keys[k].name);
            words++;
        }
    }
    ck_assert_msg(words >= 300, "%d words", words);
    ck_assert_ptr_null(nl_key_answer("zebra"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answers");
    TCase *tests = tcase_create("answers");
    tcase_add_test(tests, answers_name_what_there_is);
    tcase_add_test(tests, each_word_has_one_answer);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

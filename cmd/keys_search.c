/* `normlab keys WORD ...`: looks for the words in all that has a name, and prints the best hits. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "cmd.h"
#include "config/value.h"
#include "keys.h"
#include "norm/norm.h"
#include "norm/weights.h"

enum { MOST_HITS = 12, PAGE = 100, LEAST_BEGINNING = 3, MOST_WORDS = 16 };

/* Where the words were found, the surest first. */
enum place { IN_NAME, IN_PART, IN_VALUE, IN_SYNONYM, IN_PHRASE, IN_TEXT, NOWHERE };

/* A value of a key has the key's name before it: "norm.kind: gn". help is what says what it is, and what is searched. */
struct hit {
    enum place place;
    char *name, *help, *where; /* where: in words */
    const struct nl_key *key;  /* NULL: it is no key of a configuration */
};

struct search {
    char *word; /* with blanks between the words alone */
    const char *part[MOST_WORDS];
    int parts, hits, capacity;
    struct hit *hit;
};

/* The letters of a text that begin where a word does, and are the word's, or begin with it; NULL: there are none. */
static const char *beginning_of(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; *at; at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) && strncasecmp(at, word, length) == 0)
            return at;
    return NULL;
}

/* Whether a part of the name, from where a word of it begins, begins with the letters of word. */
static bool has_letters(const char *name, const char *word)
{
    bool has = false;
    for (const char *at = name; *at && !has && strlen(word) >= LEAST_BEGINNING; at++)
        has = (at == name || strchr("_-", at[-1])) && nl_alike(word, at, true);
    return has;
}

/* Where all of the words begin in the text: the place of the first; NULL: one is missing. */
static const char *all_in(const struct search *search, const char *text)
{
    const char *first = NULL;
    for (int i = 0; i < search->parts; i++) {
        const char *at = strlen(search->part[i]) > 1 ? beginning_of(text, search->part[i]) : NULL;
        if (!at)
            return NULL;
        first = first ? first : at;
    }
    return first;
}

static enum place place_in_name(const struct search *search, const char *name)
{
    const char *dot = strchr(name, '.');
    if (nl_alike(search->word, dot ? dot + 1 : name, false) || nl_alike(search->word, name, false))
        return IN_NAME;
    return has_letters(dot ? dot + 1 : name, search->word) ? IN_PART : NOWHERE;
}

static enum place place_in_text(const struct search *search, const char *text)
{
    return beginning_of(text, search->word) ? IN_PHRASE : all_in(search, text) ? IN_TEXT : NOWHERE;
}

/* Takes name and where over. */
static void add(struct search *search, enum place place, char *name, const char *help, char *where,
                const struct nl_key *key)
{
    NL_GROW(search->hit, search->hits, search->capacity);
    search->hit[search->hits++] =
        (struct hit){.place = place, .name = name, .help = nl_strdup(help), .where = where, .key = key};
}

/* Something with a name and a text that says what it is. */
static void offer(struct search *search, const char *name, const char *help, const struct nl_key *key)
{
    enum place place = place_in_name(search, name);
    const char *synonym = nl_key_synonym(name, search->word, false) ? search->word : NULL;
    if (!synonym && strlen(search->word) >= LEAST_BEGINNING)
        synonym = nl_key_synonym(name, search->word, true);
    if (place == NOWHERE && synonym)
        place = IN_SYNONYM;
    if (place == NOWHERE)
        place = place_in_text(search, help);
    if (place != NOWHERE)
        add(search, place, nl_strdup(name), help,
            place == IN_SYNONYM                    ? nl_format("called %s", synonym)
            : place == IN_NAME || place == IN_PART ? nl_strdup("name")
                                                   : nl_strdup("text"),
            key);
}

/* What a value is: the title of a normalizer, what follows it in the key's help ("cosine: ..."), or the key's help. New
 * string. */
static char *help_of_value(const struct nl_key *key, const char *value)
{
    for (int i = 0; strcmp(key->name, "norm.kind") == 0 && nl_norms[i]; i++)
        if (strcmp(nl_norms[i]->name, value) == 0)
            return nl_strdup(nl_norms[i]->title);
    for (int i = 1; strcmp(key->name, "norm.weights") == 0 && nl_weight_norm_names[i]; i++) /* the first is none */
        if (strcmp(nl_weight_norm_names[i], value) == 0)
            return nl_strdup(nl_weight_norms[i]->title);
    char *with_colon = nl_format("%s: ", value);
    const char *at = beginning_of(key->help, with_colon);
    char *help = at ? nl_format("%.*s", (int)strcspn(at + strlen(with_colon), ";"), at + strlen(with_colon))
                    : nl_strdup(key->help);
    free(with_colon);
    return help;
}

static void offer_values(struct search *search, const struct nl_key *key)
{
    struct nl_called called = nl_value_called(key, search->word);
    for (int i = 0; key->choices && !nl_key_is_switch(key) && key->choices[i]; i++) {
        const char *value = key->choices[i];
        char *help = help_of_value(key, value);
        bool exact = nl_alike(search->word, value, false), is_called = called.value && strcmp(called.value, value) == 0;
        bool has_own = strcmp(help, key->help) != 0;
        if (exact || is_called || has_letters(value, search->word))
            add(search, IN_VALUE, nl_format("%s: %s", key->name, value), help, nl_strdup("value"), key);
        else if (has_own && place_in_text(search, help) != NOWHERE)
            add(search, place_in_text(search, help), nl_format("%s: %s", key->name, value), help, nl_strdup("text"),
                key);
        free(help);
    }
    if (called.elsewhere) {
        char *help = nl_format("it is %s", called.elsewhere);
        add(search, IN_SYNONYM, nl_strdup(key->name), help, nl_format("called %s", search->word), key);
        free(help);
    }
}

static void offer_fields(struct search *search, const char *section, const struct nl_field *field)
{
    for (; field->name; field++) {
        char *name = nl_format("%s.%s", section, field->name);
        offer(search, name, field->help, NULL);
        free(name);
    }
}

static void offer_questions(struct search *search)
{
    static const char *const helps[] = {
#define QUESTION(name, word, what, help, sentence) help,
#include "config/questions.def"
#undef QUESTION
    };
    for (int i = 1; nl_question_names[i]; i++) { /* the first is auto */
        enum place place = place_in_name(search, nl_question_names[i]);
        place = place == NOWHERE ? place_in_text(search, helps[i - 1]) : IN_VALUE;
        if (place != NOWHERE)
            add(search, place, nl_format("sweep.question: %s", nl_question_names[i]), helps[i - 1],
                nl_strdup(place == IN_VALUE ? "value" : "text"), NULL);
    }
}

/* The line of the command's help that has the words, before its examples; NULL: none has. New string. */
static char *line_of_help(const struct search *search, const struct command *command)
{
    const char *end = strstr(command->usage, "\nexamples:");
    for (const char *at = command->usage; *at && (!end || at < end);
         at += strcspn(at, "\n") + (strchr(at, '\n') != NULL)) {
        char *line = nl_format("%.*s", (int)strcspn(at, "\n"), at);
        bool has = place_in_text(search, line) != NOWHERE;
        char *trimmed = has ? nl_strdup(nl_trimmed(line)) : NULL;
        free(line);
        if (trimmed)
            return trimmed;
    }
    return NULL;
}

static void offer_command(struct search *search, const struct command *command)
{
    enum place place = nl_alike(search->word, command->name, false) ? IN_NAME : place_in_text(search, command->summary);
    char *line = place == NOWHERE ? line_of_help(search, command) : NULL;
    if (place != NOWHERE || line)
        add(search, line ? IN_TEXT : place, nl_format("normlab %s", command->name), line ? line : command->summary,
            nl_strdup(line               ? "help"
                      : place == IN_NAME ? "name"
                                         : "text"),
            NULL);
    free(line);
}

static void offer_commands(struct search *search)
{
    for (const struct command_group *group = command_groups; group->title; group++)
        for (const struct command *const *command = group->command; *command; command++)
            offer_command(search, *command);
}

static void drop(struct search *search, int i)
{
    free(search->hit[i].name);
    free(search->hit[i].help);
    free(search->hit[i].where);
    memmove(&search->hit[i], &search->hit[i + 1], (size_t)(--search->hits - i) * sizeof *search->hit);
}

/* In the order of their places; of one name the best alone. */
static void sort(struct search *search)
{
    for (int i = 1; i < search->hits; i++) /* insertion keeps the order of equal ones */
        for (int j = i; j > 0 && search->hit[j - 1].place > search->hit[j].place; j--) {
            struct hit other = search->hit[j];
            search->hit[j] = search->hit[j - 1];
            search->hit[j - 1] = other;
        }
    for (int i = 0; i < search->hits; i++)
        for (int j = search->hits - 1; j > i; j--)
            if (strcmp(search->hit[i].name, search->hit[j].name) == 0)
                drop(search, j);
}

/* The help in one line of at most so many characters; of a text in which the words stand far behind, the part around
 * them. New string. */
static char *one_line(const struct search *search, const struct hit *hit, int width)
{
    const char *from = hit->help, *found = NULL, *value = strstr(hit->name, ": ");
    if (hit->place == IN_VALUE && value)
        found = beginning_of(from, value + 2);
    else if (hit->place == IN_PHRASE || hit->place == IN_TEXT)
        found = hit->place == IN_PHRASE ? beginning_of(from, search->word) : all_in(search, from);
    if (found && nl_characters(from, (size_t)(found - from)) + (int)strlen(search->word) > width - 3) {
        for (const char *at = found; at > hit->help && found - at < width / 2; at--)
            if (at[-1] == ' ')
                from = at;
    }
    struct nl_text out = {0};
    nl_text_add(&out, "%s", from > hit->help ? "... " : "");
    size_t end = 0, length = strlen(from);
    int room = width - (from > hit->help ? 4 : 0);
    bool cut = nl_characters(from, length) > room;
    for (size_t at = 0; cut && at < length && nl_characters(from, at) <= room - 4; at++)
        end = from[at] == ' ' ? at : end;
    nl_text_add(&out, "%.*s%s", (int)(cut ? end : length), from, cut ? " ..." : "");
    return out.at;
}

static void print(const struct search *search)
{
    int shown = search->hits < MOST_HITS ? search->hits : MOST_HITS, name = 0, where = 0;
    for (int i = 0; i < shown; i++) {
        int length = (int)strlen(search->hit[i].name), other = (int)strlen(search->hit[i].where);
        name = length > name ? length : name;
        where = other > where ? other : where;
    }
    for (int i = 0; i < shown; i++) {
        const struct hit *hit = &search->hit[i];
        char *line = one_line(search, hit, PAGE - name - where - 4);
        printf("%-*s  %-*s  %s\n", name, hit->name, where, hit->where, line);
        free(line);
    }
    if (search->hits > shown)
        printf("and %d more, which more words narrow down\n", search->hits - shown);
}

int search_keys(const char *words, bool in_texts, const struct nl_key **only)
{
    struct search search = {.word = nl_strdup(words)};
    char *copy = nl_strdup(words), *rest = copy, *part;
    while ((part = strsep(&rest, " ")) && search.parts < MOST_WORDS)
        if (*part)
            search.part[search.parts++] = part;
    for (int i = 0; i < nl_key_count; i++) {
        offer(&search, nl_keys[i].name, nl_keys[i].help, &nl_keys[i]);
        offer_values(&search, &nl_keys[i]);
    }
    offer_fields(&search, "sweep", nl_sweep_fields);
    offer_fields(&search, "claim", nl_claim_fields);
    offer_fields(&search, "import", nl_import_fields);
    offer_fields(&search, "quantity", nl_quantity_fields);
    offer_questions(&search);
    offer_commands(&search);
    sort(&search);
    while (!in_texts && search.hits && search.hit[search.hits - 1].place > IN_SYNONYM)
        drop(&search, search.hits - 1);
    int hits = search.hits;
    *only = hits == 1 ? search.hit[0].key : NULL;
    if (!*only)
        print(&search);
    while (search.hits)
        drop(&search, search.hits - 1);
    free(search.hit);
    free(search.word);
    free(copy);
    return hits;
}

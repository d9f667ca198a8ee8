/* normlab complete: what may stand at the end of a command line, for the completions of bash, zsh and fish
 * (cmd/install). Commands, options and arguments are read from the usage texts, keys and values from the schema: there
 * is no second list of them. */
#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "norms.h"
#include "usage.h"

enum { LONGEST_NAME = 64, MOST_WORDS = 16, MOST_PLACES = 8, MOST_ABOUT = 72 };

/* The word that is typed: what begins it stays ("--out=", "norm.kind=bn,"), the rest is completed. */
struct typed {
    int kept;
    const char *word; /* all of it */
};

static const char *rest_of(const struct typed *typed)
{
    return typed->word + typed->kept;
}

static struct nl_text offered = {0}; /* a line each: several synopses may offer the same */

/* A line "candidate TAB about" if it fits. One that ends in = / or . is gone on with. */
static void offer(const struct typed *typed, const char *candidate, const char *about)
{
    char *line = nl_format("\n%s\n", candidate);
    bool fits =
        strncmp(candidate, rest_of(typed), strlen(rest_of(typed))) == 0 && !(offered.at && strstr(offered.at, line));
    if (fits)
        nl_text_add(&offered, "%s", line);
    free(line);
    if (!fits)
        return;
    printf("%.*s%s", typed->kept, typed->word, candidate);
    int length = about ? (int)strlen(about) : 0;
    if (length > MOST_ABOUT)
        for (length = MOST_ABOUT; length > 0 && about[length] != ' ';)
            length--;
    printf("%s%.*s%s\n", length ? "\t" : "", length, about ? about : "", about && about[length] ? " ..." : "");
}

static void offer_words(const struct typed *typed, const char *const *words)
{
    for (; *words; words++)
        offer(typed, *words, NULL);
}

/* Completes the last word of a list with commas. */
static struct typed last_of_list(struct typed typed)
{
    const char *comma = strrchr(rest_of(&typed), ',');
    if (comma)
        typed.kept = (int)(comma + 1 - typed.word);
    return typed;
}

/* ---- files ---- */

enum path_kind { FOLDERS, ANY_FILE, CONFIGURATIONS, RESULTS, CONFIGURATIONS_OR_RESULTS, MODELS };

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

static bool file_fits(const char *name, enum path_kind kind)
{
    switch (kind) {
    case FOLDERS:
    case RESULTS: return false;
    case ANY_FILE: return true;
    case MODELS: return ends_with(name, ".safetensors");
    case CONFIGURATIONS:
    case CONFIGURATIONS_OR_RESULTS: break;
    }
    return ends_with(name, ".yaml") || ends_with(name, ".yml");
}

static void offer_paths(const struct typed *typed, enum path_kind kind)
{
    const char *slash = strrchr(rest_of(typed), '/');
    struct typed in_folder = {slash ? (int)(slash + 1 - typed->word) : typed->kept, typed->word};
    char *folder = slash ? nl_format("%.*s", (int)(slash + 1 - rest_of(typed)), rest_of(typed))
                         : nl_strdup("."); /* "/" has no other name */
    struct dirent **entry;
    int count = scandir(folder, &entry, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entry[i]->d_name;
        struct stat status;
        char *path = nl_path_join(folder, name);
        if ((name[0] != '.' || rest_of(&in_folder)[0] == '.') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            stat(path, &status) == 0) {
            bool results = kind == RESULTS || kind == CONFIGURATIONS_OR_RESULTS;
            char *open = nl_format("%s/", name);
            if (!S_ISDIR(status.st_mode) ? file_fits(name, kind) : results && nl_store_exists(path))
                offer(&in_folder, name, NULL);
            else if (S_ISDIR(status.st_mode))
                offer(&in_folder, open, NULL);
            free(open);
        }
        free(path);
        free(entry[i]);
    }
    if (count >= 0)
        free(entry);
    free(folder);
}

static void offer_shipped(void *typed, const char *name)
{
    offer(typed, name, NULL);
}

/* ---- keys ---- */

static void offer_value(struct typed typed, const struct nl_key *key)
{
    static const char *const logical[] = {"true", "false", NULL}, *const automatic[] = {"auto", NULL};
    if (key->type == NL_TYPE_TEXT) {
        offer_paths(&typed, ANY_FILE);
        return;
    }
    typed = last_of_list(typed); /* several values make an axis */
    if (key->choices)
        offer_words(&typed, key->choices);
    else if (key->type == NL_TYPE_BOOL)
        offer_words(&typed, logical);
    else if (key->type == NL_TYPE_AUTO_INT || key->type == NL_TYPE_AUTO_REAL)
        offer_words(&typed, automatic);
}

/* KEY, or with its value; section: only its keys, NULL: all. A section comes before its keys: there are many. */
static void offer_keys(struct typed typed, const char *section, bool with_value)
{
    const char *start = rest_of(&typed), *equals = strchr(start, '=');
    if (with_value && equals) {
        char *name = nl_format("%.*s", (int)(equals - start), start);
        const struct nl_key *key = nl_key_of(name);
        typed.kept = (int)(equals + 1 - typed.word);
        if (strcmp(name, "sweep.baseline") == 0)
            offer_keys(typed, NULL, true);
        else if (strcmp(name, "sweep.question") == 0)
            offer_words(&typed, nl_question_names);
        else if (key && (!section || strcmp(section, key->section) == 0))
            offer_value(typed, key);
        free(name);
        return;
    }
    bool whole = section || strchr(start, '.');
    for (int i = 0; i < nl_key_count; i++) {
        const struct nl_key *key = &nl_keys[i];
        if (section && strcmp(section, key->section) != 0)
            continue;
        char *candidate = whole ? nl_format("%s%s", key->name, with_value ? "=" : "") : nl_format("%s.", key->section);
        if (whole || i == 0 || strcmp(key->section, nl_keys[i - 1].section) != 0)
            offer(&typed, candidate, whole ? key->help : NULL);
        free(candidate);
    }
    if (with_value && !section && whole) {
        offer(&typed, "sweep.seeds=", "trials of each point");
        offer(&typed, "sweep.baseline=", "what the others are compared with");
        offer(&typed, "sweep.question=", "what the sweep is to answer");
    } else if (with_value && !section)
        offer(&typed, "sweep.", NULL);
}

static void offer_sections(const struct typed *typed)
{
    for (const struct nl_section *section = nl_sections; section->name; section++)
        offer(typed, section->name, NULL);
    offer(typed, "sweep", NULL);
    offer(typed, "claim", NULL);
    offer(typed, "import", NULL);
    offer(typed, "quantity", NULL);
}

/* ---- what the usage texts call their arguments ---- */

static void offer_commands(const struct typed *typed)
{
    for (const struct command_group *group = command_groups; group->title; group++)
        for (const struct command *const *command = group->command; *command; command++)
            offer(typed, (*command)->name, (*command)->summary);
}

static bool is(const char *name, size_t length, const char *other)
{
    return strlen(other) == length && strncmp(name, other, length) == 0;
}

/* name: as in a synopsis, "FILE" or "list" (which stands for itself). */
static void offer_argument(const struct typed *typed, const char *name, size_t length)
{
    const char *const keyed = memchr(name, '=', length);
    if (keyed) { /* KEY=VALUE, plot.KEY=VALUE */
        size_t before = strcspn(name, ".");
        char *section = before < (size_t)(keyed - name) ? nl_format("%.*s", (int)before, name) : NULL;
        offer_keys(*typed, section, true);
        free(section);
    } else if (is(name, length, "FILE")) {
        offer_paths(typed, CONFIGURATIONS);
        each_shipped(offer_shipped, (void *)(uintptr_t)typed);
    } else if (is(name, length, "RESULTS")) {
        offer_paths(typed, RESULTS);
    } else if (is(name, length, "DIR")) {
        offer_paths(typed, FOLDERS);
    } else if (is(name, length, "A") || is(name, length, "B")) {
        offer_paths(typed, CONFIGURATIONS_OR_RESULTS);
        each_shipped(offer_shipped, (void *)(uintptr_t)typed);
    } else if (is(name, length, "MODEL.safetensors")) {
        offer_paths(typed, MODELS);
    } else if (is(name, length, "KIND")) {
        offer_words(typed, norm_kinds());
    } else if (is(name, length, "NAME")) {
        offer_words(typed, nl_data_names);
    } else if (is(name, length, "CLAIM")) {
        offer_paths(typed, CONFIGURATIONS);
        each_claim(offer_shipped, (void *)(uintptr_t)typed);
    } else if (is(name, length, "SECTION")) {
        offer_sections(typed);
    } else if (is(name, length, "KEY")) {
        offer_keys(*typed, NULL, false);
    } else if (islower((unsigned char)*name)) {
        char *word = nl_format("%.*s", (int)length, name);
        offer(typed, word, NULL);
        free(word);
    }
}

/* The value of an option: the words that its text begins with, else what it is called. */
static void offer_option_value(struct typed typed, const struct usage_part *option)
{
    const char *name = strrchr(option->term, ' ') + 1;
    char words[MOST_WORDS][LONGEST_NAME];
    size_t count = 0;
    for (const char *at = option->text; count < sizeof words / sizeof *words;) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_-");
        const char *end = at + length;
        if (strncmp(end, " (", 2) == 0 && strchr(end, ')'))
            end = strchr(end, ')') + 1;
        if (length == 0 || length >= LONGEST_NAME || (*end && !strchr(",;:", *end)))
            break;
        snprintf(words[count++], LONGEST_NAME, "%.*s", (int)length, at);
        if (*end != ',')
            break;
        at = end + 1 + (end[1] == ' ');
    }
    if (count < 2) {
        if (strcmp(name, "FILE") == 0)
            offer_paths(&typed, ANY_FILE);
        else if (isupper((unsigned char)name[0]) && name[1])
            offer_argument(&typed, name, strlen(name));
        return;
    }
    typed = last_of_list(typed);
    for (size_t i = 0; i < count; i++)
        offer(&typed, words[i], NULL);
}

/* ---- options ---- */

/* The names of "-o, --out DIR" one by one; false: there are no more. */
static bool next_name(const char **at, char name[LONGEST_NAME])
{
    *at += strspn(*at, " ,");
    while (**at && **at != '-') { /* what stands after a name */
        *at += strcspn(*at, " ,");
        *at += strspn(*at, " ,");
    }
    size_t length = strcspn(*at, " ,");
    snprintf(name, LONGEST_NAME, "%.*s", (int)length, *at);
    *at += length;
    return length > 0;
}

static bool takes_value(const struct usage_part *option)
{
    const char *last = strrchr(option->term, ' ');
    return last && last[1] != '-';
}

/* The option that word names, up to a '='; false: none. */
static bool find_option(const struct command *command, const char *word, struct usage_part *out)
{
    const char *const texts[] = {command->usage, common_options};
    char name[LONGEST_NAME];
    for (int i = 0; i < 2; i++)
        for (const char *at = texts[i]; next_usage_part(&at, out); release_usage_part(out))
            for (const char *term = out->term; out->kind == USAGE_OPTION && next_name(&term, name);)
                if (is(word, strcspn(word, "="), name))
                    return true;
    return false;
}

static void offer_options(const struct command *command, const struct typed *typed)
{
    const char *const texts[] = {command->usage, common_options};
    struct usage_part part;
    char name[LONGEST_NAME];
    for (int i = 0; i < 2; i++)
        for (const char *at = texts[i]; next_usage_part(&at, &part); release_usage_part(&part))
            for (const char *term = part.term; part.kind == USAGE_OPTION && next_name(&term, name);)
                if (name[1] == '-')
                    offer(typed, name, part.text);
}

/* ---- arguments ---- */

/* A place of a synopsis: "FILE", "[KEY=VALUE ...]" (which may be left out, and repeated), "[SECTION | KEY]" (which may
 * be either). */
struct place {
    const char *name[MOST_WORDS];
    size_t length[MOST_WORDS];
    int names;
    bool optional, repeated;
};

/* The places after the command's name, without options and their values. */
static int read_synopsis(const char *at, struct place place[MOST_PLACES])
{
    int count = 0;
    bool value = false, other = false; /* what follows belongs to an option; is another name of the same place */
    at += strcspn(at, " ") + 1;
    at += strcspn(at, " ");
    while (*(at += strspn(at, " "))) {
        bool optional = *at == '[';
        at += optional;
        size_t word = strcspn(at, " "), length = strcspn(at, " ]");
        if (is(at, length, "...") && count) {
            place[count - 1].repeated = true;
        } else if (is(at, length, "|")) {
            other = true;
        } else if (*at == '-') {
            value = length == word;
        } else if ((value && !optional && !other) || is(at, length, "options")) {
            value = false;
        } else if (other && count && place[count - 1].names < MOST_WORDS) {
            struct place *last = &place[count - 1];
            last->name[last->names] = at;
            last->length[last->names++] = length;
            other = false;
        } else if (count < MOST_PLACES) {
            place[count++] = (struct place){.name = {at}, .length = {length}, .names = 1, .optional = optional};
            value = other = false;
        }
        at += word;
    }
    return count;
}

static bool is_literal(const struct place *place)
{
    return islower((unsigned char)*place->name[0]) && !memchr(place->name[0], '=', place->length[0]) &&
           !place->optional;
}

/* before: the words in front of the typed one, without options. */
static void offer_in_synopsis(const char *synopsis, const struct typed *typed, char **before, int words)
{
    struct place place[MOST_PLACES];
    int count = read_synopsis(synopsis, place), at = 0;
    for (int i = 0; i < words && at < count; i++) {
        bool keyed = is_override(before[i]);
        while (at < count && place[at].optional && keyed != !!memchr(place[at].name[0], '=', place[at].length[0]))
            at++;
        if (at < count && is_literal(&place[at]) && !is(place[at].name[0], place[at].length[0], before[i]))
            return;
        at += at < count && !place[at].repeated;
    }
    for (bool more = true; more && at < count; at++) {
        for (int i = 0; i < place[at].names; i++)
            offer_argument(typed, place[at].name[i], place[at].length[i]);
        more = place[at].optional;
    }
}

static void complete(int count, char **words)
{
    struct typed typed = {0, count ? words[count - 1] : ""};
    const char *const apart[] = {"help", "version", NULL};
    if (count <= 1) {
        offer_commands(&typed);
        offer_words(&typed, apart);
        return;
    }
    const struct command *command = find_command(words[0]);
    struct usage_part option, part;
    if (!command) {
        if (strcmp(words[0], "help") == 0 && count == 2)
            offer_commands(&typed);
        return;
    }
    char **before = nl_alloc((size_t)count, sizeof *before); /* what is no option, nor the value of one */
    int arguments = 0;
    bool value = false;
    for (int i = 1; i < count - 1; i++) {
        bool found = !value && words[i][0] == '-' && find_option(command, words[i], &option);
        if (!value && words[i][0] != '-')
            before[arguments++] = words[i];
        value = found && takes_value(&option) && !strchr(words[i], '=');
        if (found)
            release_usage_part(&option);
    }
    const char *equals = strchr(typed.word, '=');
    const char *name = value ? words[count - 2] : typed.word[0] == '-' && equals ? typed.word : NULL;
    if (name && find_option(command, name, &option)) {
        if (!value)
            typed.kept = (int)(equals + 1 - typed.word);
        if (takes_value(&option))
            offer_option_value(typed, &option);
        release_usage_part(&option);
    } else if (typed.word[0] == '-') {
        offer_options(command, &typed);
    } else {
        for (const char *at = command->usage; next_usage_part(&at, &part); release_usage_part(&part))
            if (part.kind == USAGE_SYNOPSIS)
                offer_in_synopsis(part.text, &typed, before, arguments);
    }
    free(before);
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{0}};
    if (next_option(self, argc, argv, "", options) != OPTION_END)
        return EXIT_BAD_INPUT;
    complete(argc - optind, argv + optind);
    nl_text_release(&offered);
    return EXIT_DONE;
}

const struct command command_complete = {
    .name = "complete",
    .summary = "print completions of a command line",
    .usage =
        "usage: normlab complete -- [WORD ...]\n"
        "\n"
        "Prints how the last WORD of a normlab command line may be completed: one candidate a line, with a tab and its meaning after it.\n"
        "The completions of bash, zsh and fish call it.\n"
        "\n"
        "examples:\n"
        "  normlab complete -- sweep experiments/small_batch.yaml norm.kind=\n",
    .run = run,
};

/* normlab manual: the manual pages, in man(7), from what the program says of itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/memory.h"
#include "cmd.h"
#include "usage.h"

/* ---- man(7) ---- */

/* Text as it stands: no character of it means anything to roff, and hyphens and quotes can be pasted into a shell. */
static void add_text(struct nl_text *out, const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        const char *special = *text == '\\'                ? "\\e"
                              : *text == '-'               ? "\\-"
                              : *text == '`'               ? "\\(ga"
                              : *text == '^'               ? "\\(ha"
                              : *text == '~'               ? "\\(ti"
                              : *text == '\''              ? "\\(aq"
                              : *text == '.' && line_start ? "\\&."
                                                           : NULL;
        line_start = *text == '\n';
        if (special)
            nl_text_add(out, "%s", special);
        else
            nl_text_add(out, "%c", *text);
    }
    nl_text_add(out, "\n");
}

static void add_heading(struct nl_text *out, const char *title)
{
    nl_text_add(out, ".SH %s\n", title);
}

/* One follows a heading by itself. */
static void add_break(struct nl_text *out)
{
    size_t line = out->length - 1;
    while (line > 0 && out->at[line - 1] != '\n')
        line--;
    if (strncmp(out->at + line, ".SH ", 4) != 0)
        nl_text_add(out, ".PP\n");
}

static void add_paragraph(struct nl_text *out, const char *text)
{
    add_break(out);
    add_text(out, text);
}

static void add_item(struct nl_text *out, const char *term, const char *text)
{
    nl_text_add(out, ".TP\n.B ");
    add_text(out, term);
    add_text(out, *text ? text : "\\&");
}

/* Neighbours become one block. */
static void add_verbatim(struct nl_text *out, const char *text)
{
    static const char begin[] = ".RS 4\n.nf\n", end[] = ".fi\n.RE\n";
    size_t tail = strlen(end);
    if (out->length >= tail && strcmp(out->at + out->length - tail, end) == 0) {
        out->length -= tail;
    } else {
        add_break(out);
        nl_text_add(out, "%s", begin);
    }
    add_text(out, text);
    nl_text_add(out, "%s", end);
}

/* Every page begins so. name: "normlab-sweep". */
static void add_title(struct nl_text *out, const char *name, int section, const char *date, const char *summary)
{
    nl_text_add(out, ".TH \"%s\" %d \"%s\" \"normlab " NORMLAB_VERSION "\" \"normlab manual\"\n.nh\n.ad l\n", name,
                section, date); /* commands are not broken */
    add_heading(out, "NAME");
    nl_text_add(out, "%s \\- ", name);
    add_text(out, summary);
}

static void add_synopsis(struct nl_text *out, const char *usage)
{
    struct usage_part part;
    add_heading(out, "SYNOPSIS");
    nl_text_add(out, ".nf\n");
    while (next_usage_part(&usage, &part)) {
        if (part.kind == USAGE_SYNOPSIS)
            add_text(out, part.text);
        release_usage_part(&part);
    }
    nl_text_add(out, ".fi\n");
}

/* The parts of the text before its examples, options only or all others but the synopsis; or the examples. */
enum which { DESCRIPTION, OPTIONS, EXAMPLES };

static void add_parts(struct nl_text *out, const char *usage, enum which which)
{
    struct usage_part part;
    bool examples = false;
    while (next_usage_part(&usage, &part)) {
        bool option = part.kind == USAGE_OPTION;
        if (part.kind == USAGE_HEADING)
            examples = strcmp(part.text, "examples:") == 0;
        else if (part.kind != USAGE_SYNOPSIS && which == (examples ? EXAMPLES : option ? OPTIONS : DESCRIPTION)) {
            if (option)
                add_item(out, part.term, part.text);
            else if (part.kind == USAGE_VERBATIM)
                add_verbatim(out, part.text);
            else
                add_paragraph(out, part.text);
        }
        release_usage_part(&part);
    }
}

/* ---- the pages ---- */

static char *command_page(const struct command *command, const char *date)
{
    struct nl_text out = {0};
    char *name = nl_format("normlab-%s", command->name);
    add_title(&out, name, 1, date, command->summary);
    add_synopsis(&out, command->usage);
    add_heading(&out, "DESCRIPTION");
    add_parts(&out, command->usage, DESCRIPTION);
    add_heading(&out, "OPTIONS");
    add_parts(&out, command->usage, OPTIONS);
    add_parts(&out, common_options, OPTIONS);
    add_heading(&out, "EXAMPLES");
    add_parts(&out, command->usage, EXAMPLES);
    add_heading(&out, "SEE ALSO");
    nl_text_add(&out, ".BR normlab (1),\n.BR normlab\\-config (5)\n");
    free(name);
    return out.at;
}

static char *program_page(const char *date)
{
    struct nl_text out = {0};
    add_title(&out, "normlab", 1, date, "a laboratory for normalization in neural networks");
    add_synopsis(&out, "usage: normlab COMMAND [ARGUMENTS]\n"
                       "       normlab help [COMMAND]\n"
                       "       normlab --version\n");
    add_heading(&out, "DESCRIPTION");
    add_paragraph(
        &out,
        "From YAML files normlab trains the same network with different normalizers over grids of batch size, learning rate, "
        "placement and seed, logs every loss curve to CSV, draws the pictures, and says in words, with confidence intervals, "
        "which claims hold.");
    add_paragraph(&out, override_help);
    add_heading(&out, "COMMANDS");
    for (const struct command_group *group = command_groups; group->title; group++) {
        nl_text_add(&out, ".SS \"%s\"\n", group->title);
        for (const struct command *const *command = group->command; *command; command++) {
            nl_text_add(&out, ".TP\n.BR normlab\\-%s (1)\n", (*command)->name);
            add_text(&out, (*command)->summary);
        }
    }
    add_heading(&out, "COMMON OPTIONS");
    add_parts(&out, common_options, OPTIONS);
    add_heading(&out, "EXIT STATUS");
    add_parts(&out, exit_codes, DESCRIPTION);
    add_heading(&out, "ENVIRONMENT");
    add_item(&out, "NORMLAB_DATA",
             "folder of the data sets: the files of a set are in $NORMLAB_DATA/<name>, unless data.dir is set");
    add_item(&out, "XDG_DATA_HOME",
             "if NORMLAB_DATA is not set, data sets are in $XDG_DATA_HOME/normlab/<name> (default: ~/.local/share)");
    add_item(&out, "NORMLAB_MIRROR", "servers of normlab data fetch, as its option --mirror");
    add_item(&out, "NORMLAB_ISA",
             "avx512, avx2 or plain: the largest instruction set to use; results are the same bits");
    add_item(&out, "NORMLAB_NO_WARNINGS",
             "if not empty, no warnings of known traps are printed, as with --no-warnings");
    add_item(&out, "NO_COLOR", "if it is set and not empty, nothing is coloured unless --color=always says so");
    add_heading(&out, "SEE ALSO");
    nl_text_add(
        &out,
        ".BR normlab\\-config (5),\n.BR normlab\\-results (5),\n.BR normlab\\-experiments (7),\n.BR normlab\\-plots (7),\n.BR normlab\\-code (7),\n.BR gnuplot (1)\n");
    return out.at;
}

static void add_keys(struct nl_text *out, const char *section, const char *help)
{
    nl_text_add(out, ".SS \"%s: %s\"\n", section, help);
    for (int i = 0; i < nl_key_count; i++)
        if (strcmp(nl_keys[i].section, section) == 0) {
            char *range = key_range(&nl_keys[i]);
            add_item(out, nl_keys[i].name, nl_keys[i].help);
            nl_text_add(out, ".br\n");
            add_text(out, range);
            free(range);
        }
}

static void add_fields(struct nl_text *out, const char *section, const char *help, const struct nl_field *field)
{
    nl_text_add(out, ".SS \"%s: %s\"\n", section, help);
    for (; field->name; field++) {
        char *name = nl_format("%s.%s", section, field->name), *text = nl_format("%s (%s)", field->help, field->form);
        add_item(out, name, text);
        free(text);
        free(name);
    }
}

static char *config_page(const char *date)
{
    struct nl_text out = {0};
    add_title(&out, "normlab-config", 5, date, "configurations and experiments of normlab");
    add_heading(&out, "DESCRIPTION");
    add_paragraph(
        &out,
        "A configuration is YAML: sections of keys, each with a default. A file that names another one as its base holds what "
        "it changes. With a section sweep it is an experiment: the trials are all combinations of the values under grid, for "
        "each seed.");
    add_verbatim(&out, "base: ../configs/mlp_digits.yaml\n"
                       "norm:  {kind: bn, momentum: 0.1}\n"
                       "train: {batch: 32, lr: 0.05}\n"
                       "sweep:\n"
                       "  grid:\n"
                       "    norm.kind: [bn, gn, ln, none]\n"
                       "    train.lr: \"1e-3:1:log:7\"\n"
                       "  seeds: 8\n"
                       "  baseline: {norm.kind: none}");
    add_paragraph(
        &out,
        "On the command line a key is set as norm.kind=bn; several values, norm.kind=bn,gn or train.lr=1e-3:1:log:7 (seven from "
        "0.001 to 1, evenly on the log scale) or train.batch=1:8, make an axis.");
    add_heading(&out, "KEYS");
    for (const struct nl_section *section = nl_sections; section->name; section++)
        add_keys(&out, section->name, section->help);
    add_fields(&out, "sweep", "what varies", nl_sweep_fields);
    add_fields(&out, "claim", "what a paper says of it", nl_claim_fields);
    add_fields(&out, "quantity", "what is measured of the tensors of log.tensors and log.layers",
               nl_quantity_fields);
    add_heading(&out, "SEE ALSO");
    nl_text_add(&out,
                ".BR normlab (1),\n.BR normlab\\-keys (1),\n.BR normlab\\-check (1),\n.BR normlab\\-schema (1)\n");
    return out.at;
}

/* -- pages from Markdown: headings, paragraphs, tables of which the first column is a term, lists, indented code -- */

/* The line without the marks of code, bold and links; new string. */
static char *plain(const char *line, size_t length)
{
    struct nl_text out = {0};
    nl_text_add(&out, "%s", "");
    for (const char *at = line, *end = line + length; at < end; at++) {
        const char *link = *at == ']' && at[1] == '(' ? memchr(at, ')', (size_t)(end - at)) : NULL;
        if (link)
            at = link;
        else if (at[0] == '*' && at[1] == '*')
            at++;
        else if (*at != '`' && *at != '[')
            nl_text_add(&out, "%c", *at);
    }
    return out.at;
}

/* "| `n` | seeds | with a value |": the first cell is the term, what follows its text. */
static void add_row_item(struct nl_text *out, char *row)
{
    char *term = NULL;
    struct nl_text text = {0};
    nl_text_add(&text, "%s", "");
    for (char *cell = row + strspn(row, "| "), *next; *cell; cell = next + strspn(next, " ")) {
        char *end = *cell == '|' ? cell : strstr(cell, " |"); /* an empty cell, or what ends it */
        next = end ? strchr(end, '|') + 1 : cell + strlen(cell);
        if (end)
            *end = '\0';
        if (!term)
            term = cell;
        else if (*cell)
            nl_text_add(&text, "%s%s", text.length ? "; " : "", cell);
    }
    if (term)
        add_item(out, term, text.at);
    nl_text_release(&text);
}

static void end_paragraph(struct nl_text *out, struct nl_text *paragraph)
{
    if (paragraph->length)
        add_paragraph(out, paragraph->at);
    nl_text_release(paragraph);
    *paragraph = (struct nl_text){0};
}

static bool is_row(const char *line)
{
    return *line == '|';
}

/* "- milk", or "12. milk" */
static bool is_list_item(const char *line)
{
    size_t digits = strspn(line, "0123456789");
    return strncmp(line, "- ", 2) == 0 || (digits > 0 && strncmp(line + digits, ". ", 2) == 0);
}

static void add_markdown(struct nl_text *out, const char *markdown)
{
    struct nl_text paragraph = {0};
    bool in_table = false;
    for (const char *line = markdown; *line; line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        bool code = strncmp(line, "    ", 4) == 0;
        char *text = code ? nl_format("%.*s", (int)length - 4, line + 4) : plain(line, length);
        if (code || is_list_item(line) || is_row(line) || *line == '#' || !length)
            end_paragraph(out, &paragraph);
        if (code)
            add_verbatim(out, text);
        else if (strncmp(line, "## ", 3) == 0)
            add_heading(out, text + 3);
        else if (is_row(line) && in_table && strncmp(line, "| --- |", 7) != 0)
            add_row_item(out, text); /* the first row is the head of the table */
        else if (length && !is_row(line) && *line != '#' && strncmp(line, "<!--", 4) != 0 &&
                 strncmp(line, "![", 2) != 0)
            nl_text_add(&paragraph, "%s%s", paragraph.length ? " " : "", text + strspn(text, " "));
        in_table = is_row(line);
        free(text);
        line += length;
    }
    end_paragraph(out, &paragraph);
}

/* The page NAME.SECTION of a Markdown file, whose first line is the title; NULL: the message was printed. */
static char *markdown_page(const char *name, const char *path, const char *date)
{
    struct nl_error err;
    struct nl_text out = {0};
    char *markdown = nl_file_read(path, NULL, &err);
    const char *dot = strrchr(name, '.');
    if (!markdown || strncmp(markdown, "# ", 2) != 0 || !dot) {
        bad_input(NULL, "%s",
                  !markdown ? err.text
                  : !dot    ? "a page is named like normlab-results.5"
                            : "a page begins with its title, after '# '");
        free(markdown);
        return NULL;
    }
    char *title = plain(markdown + 2, strcspn(markdown + 2, "\n")), *stem = nl_format("%.*s", (int)(dot - name), name);
    add_title(&out, stem, atoi(dot + 1), date, title);
    add_heading(&out, "DESCRIPTION");
    add_markdown(&out, markdown);
    add_heading(&out, "SEE ALSO");
    nl_text_add(&out, ".BR normlab (1)\n");
    free(stem);
    free(title);
    free(markdown);
    return out.at;
}

/* Frees page. */
static int write_page(const char *folder, const char *name, char *page)
{
    struct nl_error err;
    char *path = nl_path_join(folder, name);
    int code = nl_output_write(path, page, strlen(page), &err) ? fail("%s", err.text) : EXIT_DONE;
    free(path);
    free(page);
    return code;
}

static int run(const struct command *self, int argc, char **argv)
{
    static const struct option options[] = {{"date", required_argument, NULL, 'd'}, {0}};
    const char *date = "";
    for (int option; (option = next_option(self, argc, argv, "d:", options)) != OPTION_END;) {
        if (option == OPTION_BAD)
            return EXIT_BAD_INPUT;
        date = optarg;
    }
    if (optind == argc)
        return misused(self, "manual needs a folder");
    const char *folder = argv[optind++];
    if (!make_writable(folder))
        return EXIT_BAD_INPUT;
    int code = write_page(folder, "normlab.1", program_page(date));
    if (code == EXIT_DONE)
        code = write_page(folder, "normlab-config.5", config_page(date));
    for (const struct command_group *group = command_groups; group->title; group++)
        for (const struct command *const *command = group->command; *command && code == EXIT_DONE; command++) {
            char *name = nl_format("normlab-%s.1", (*command)->name);
            code = write_page(folder, name, command_page(*command, date));
            free(name);
        }
    for (; optind < argc && code == EXIT_DONE; optind++) {
        const char *equals = strchr(argv[optind], '=');
        char *name = equals ? nl_format("%.*s", (int)(equals - argv[optind]), argv[optind]) : NULL;
        char *page = equals ? markdown_page(name, equals + 1, date) : NULL;
        code = page     ? write_page(folder, name, page)
               : equals ? EXIT_BAD_INPUT
                        : misused(self, "'%s' is not PAGE=FILE", argv[optind]);
        free(name);
    }
    return code;
}

const struct command command_manual = {
    .name = "manual",
    .summary = "write the manual pages",
    .usage =
        "usage: normlab manual DIR [PAGE.SECTION=FILE.md ...] [--date DATE]\n"
        "\n"
        "Writes the manual pages to DIR: normlab(1), a page of section 1 for every command, and normlab-config(5). They are made from the\n"
        "texts of help and keys, further pages from Markdown files. The installation calls it.\n"
        "\n"
        "  -d, --date DATE    at the foot of the pages (default: none)\n"
        "\n"
        "examples:\n"
        "  normlab manual man && man -l man/normlab-sweep.1\n"
        "  normlab manual man normlab-results.5=results/README.md\n",
    .run = run,
};
